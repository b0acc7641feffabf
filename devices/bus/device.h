// The interface between a device model and the bus: DMA buffers, interrupts and input.

#ifndef DEVICES_BUS_DEVICE_H_
#define DEVICES_BUS_DEVICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/dma_chain.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// Gives a device access to the buffers that the guest has bound to DMA keys (ABI.md §2.6).
class DmaPort {
 public:
  virtual ~DmaPort() = default;

  struct Buffer {
    explicit Buffer(uint32_t interrupt) : irq(interrupt) {}

    uint32_t irq;
    DmaChain chain;
  };

  // Takes the next free buffer bound to `key`; nullopt when the guest has bound none or all are in
  // use. The caller must deliver or release the buffer. An error ends the guest.
  virtual absl::StatusOr<std::optional<Buffer>> NextBuffer(DmaKey key) = 0;

  // Sets used_len of `buffer` to `used` bytes (0: an empty reply) and raises its interrupt. An
  // error ends the guest.
  virtual absl::Status Deliver(const Buffer& buffer, uint32_t used) = 0;

  // Makes `buffer` free again and raises no interrupt. The real host marks a buffer as used when it
  // hands it out (ABI.md §2.1, §2.6), so dropping the buffer is not enough.
  virtual absl::Status Release(const Buffer& buffer) = 0;

  // Raises an interrupt without a buffer. An error ends the guest.
  virtual absl::Status RaiseInterrupt(uint32_t irq) = 0;
};

// The resources that the bus has assigned to a device.
struct DevicePlace {
  GuestPhys pages;  // the first of its pages; 0 for a device without pages
  uint32_t irq = 0;
};

// One device of one guest. An error of a method ends the guest, with the message as the reason. For
// a fault of the host (a full disk, an interface that is down) a method returns no error; the
// device reports the fault to the guest as the protocol requires.
//
// Not thread-safe: only the thread that runs the guest may call it.
class Device {
 public:
  virtual ~Device() = default;

  // The device's name in messages: "console", "block disk.img".
  virtual std::string name() const = 0;

  // Fields of its descriptor (ABI.md §1.7).
  virtual DeviceType type() const = 0;
  virtual uint16_t features() const { return 0; }
  virtual uint16_t num_pages() const { return 0; }

  // Called once, before the guest starts. Fills the device's pages.
  virtual absl::Status Attach(GuestMemory& memory, const DevicePlace& place) = 0;

  // The keys whose DMAs Send() receives. Valid after Attach().
  virtual std::vector<DmaKey> output_keys() const = 0;

  // The guest sent `chain` to one of the output keys. Returns how many bytes were consumed; the bus
  // stores this number in used_len. nullopt when there is no receiver: used_len stays unchanged.
  virtual absl::StatusOr<std::optional<uint32_t>> Send(DmaKey key, const DmaChain& chain,
                                                       DmaPort& port) = 0;

  // The file descriptor that is readable when there is input for the guest; -1 for a device without
  // input.
  virtual int input_fd() const { return -1; }

  enum class Input : uint8_t {
    kMore,    // there may be more: call again
    kLast,    // delivered a unit; there is no more now
    kNone,    // there was nothing to read
    kNoRoom,  // the guest has no buffer; the input is unread, so the descriptor stays readable:
              // do not poll it, call again after the guest has run
    kHeld,    // the input was read and is held because the guest has no buffer: call again after
              // the guest has run, or when the descriptor becomes readable
    kNotNow,  // the input belongs to another program for now (a terminal, while the launcher is in
              // the background): do not poll it, call again after a while
    kClosed,  // the input has ended for good
  };

  // Called when the input descriptor may be readable. Delivers one unit (a packet, one read) to the
  // guest. Never blocks. Cancelled when the user has asked the launcher to exit (see Console).
  virtual absl::StatusOr<Input> Receive(DmaPort& /*port*/) { return Input::kClosed; }

  // Called once, after the guest has died. Completes pending output.
  virtual void Finish() {}
};

}  // namespace lguest

#endif  // DEVICES_BUS_DEVICE_H_
