// The interface between a guest's devices and the launcher's run loop.

#ifndef DEVICES_BUS_BUS_H_
#define DEVICES_BUS_BUS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/device.h"
#include "devices/bus/host_dma_port.h"
#include "launcher/guest/abi.h"
#include "launcher/host/guest_io.h"
#include "launcher/host/host.h"

namespace lguest {

// All devices of one guest, whatever connects them with it. Devices have indices from 0 on.
//
// Not thread-safe: only the thread that runs the guest may call it. An error of Dispatch(),
// Notify() or Receive() ends the guest, with the message as the reason; Cancelled ends the
// launcher.
class Bus {
 public:
  virtual ~Bus() = default;

  virtual size_t device_count() const = 0;
  virtual std::string device_name(size_t index) const = 0;
  virtual int input_fd(size_t index) const = 0;  // see Device::input_fd()

  // Serves what Host::Run() has returned.
  virtual absl::Status Dispatch(const DmaSent& /*sent*/) {
    return absl::InternalError("this bus has no DMA");
  }
  virtual absl::Status Notify(const Notified& /*notified*/) {
    return absl::InternalError("this bus has no notifications");
  }

  // Lets device `index` deliver one unit of input to the guest: see Device::Receive().
  virtual absl::StatusOr<Device::Input> Receive(size_t index) = 0;

  // What is behind the guest's ports and device memory; nullptr: nothing.
  virtual GuestIo* io() { return nullptr; }

  // The guest starts again: restores what the guest has changed of the bus. Input that is held for
  // the guest is kept.
  virtual absl::Status Restart() { return absl::InternalError("this bus does not restart"); }

  // Call after the guest has died: see Device::Finish().
  virtual void Finish() = 0;

  // The traffic between a device and the guest so far.
  struct Traffic {
    uint64_t sent = 0;           // transfers from the guest
    uint64_t sent_bytes = 0;     // bytes of them that the device consumed
    HostDmaPort::Filled filled;  // buffers delivered to the guest
  };
  virtual Traffic traffic(size_t index) const = 0;

  struct StatusChange {
    uint16_t newly_set;    // bits of the device's status, set for the first time
    std::string describe;  // "block disk.img: acknowledged, driver found", for the user
    bool failed() const { return (newly_set & kStatusFailed) != 0; }
  };

  // The status bits that the guest has set since the last call. Each bit of each device is reported
  // at most once, so a guest cannot flood the log.
  virtual std::vector<StatusChange> StatusChanges() = 0;

  // True when StatusChanges() would return any. Cheap enough to call after each Host::Run().
  virtual bool HasStatusChanges() const = 0;
};

// InvalidArgument for more than kMaxDevices devices, the console included.
absl::Status CheckDeviceCount(size_t count);

// "acknowledged, driver found": the bits of a device's status that all generations have.
std::string DescribeStatus(uint16_t bits);

}  // namespace lguest

#endif  // DEVICES_BUS_BUS_H_
