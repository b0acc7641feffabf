// What the buses of virtio devices have in common.

#ifndef DEVICES_VIRTIO_VIRTIO_BUS_H_
#define DEVICES_VIRTIO_VIRTIO_BUS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/bus.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtqueue.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest {

// An interrupt of the host. After the guest has died, Raise() has no effect: the next Host::Run()
// returns the death and its reason.
class HostInterrupt : public InterruptLine {
 public:
  // `host` must outlive the line.
  HostInterrupt(Host& host, uint32_t irq) : host_(host), irq_(irq) {}

  absl::Status Raise() override;
  uint32_t irq() const { return irq_; }

 private:
  Host& host_;
  const uint32_t irq_;
};

// The devices of one guest and the status bits that the guest has set.
class VirtioBus : public Bus {
 public:
  size_t device_count() const override { return devices_.size(); }
  std::string device_name(size_t index) const override { return devices_[index]->name(); }
  int input_fd(size_t index) const override { return devices_[index]->input_fd(); }
  absl::StatusOr<Device::Input> Receive(size_t index) override {
    return devices_[index]->Receive();
  }
  void Finish() override;
  Traffic traffic(size_t index) const override;
  std::vector<StatusChange> StatusChanges() override;
  bool HasStatusChanges() const override;

 protected:
  explicit VirtioBus(std::vector<std::unique_ptr<VirtioDevice>> devices);

  VirtioDevice& device(size_t index) { return *devices_[index]; }
  const VirtioDevice& device(size_t index) const { return *devices_[index]; }

  // The queues of device `index`, which do not move.
  std::vector<Virtqueue>& queues(size_t index) { return queues_[index]; }
  const std::vector<Virtqueue>& queues(size_t index) const { return queues_[index]; }

  // The status of a device, as the guest has written it.
  virtual uint8_t Status(size_t index) const = 0;

  // The index of the console; device_count() if there is none.
  size_t console() const;

 private:
  uint8_t NewStatus(size_t index) const;

  const std::vector<std::unique_ptr<VirtioDevice>> devices_;
  std::vector<std::vector<Virtqueue>> queues_;  // by device
  std::vector<uint8_t> seen_status_;
};

}  // namespace lguest

#endif  // DEVICES_VIRTIO_VIRTIO_BUS_H_
