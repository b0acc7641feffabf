// A device model: what a guest's DMA means, apart from how DMA travels.

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

// How a device hands data to the guest: the guest has bound buffers to keys, the device fills them.
class DmaPort {
 public:
  virtual ~DmaPort() = default;

  struct Buffer {
    explicit Buffer(uint32_t interrupt) : irq(interrupt) {}

    DmaChain chain;
    uint32_t irq;
  };

  // The next free buffer bound to `key`; nullopt when the guest has bound none, or all are full. A
  // buffer that was taken has to be either delivered or released. An error ends the guest.
  virtual absl::StatusOr<std::optional<Buffer>> NextBuffer(DmaKey key) = 0;

  // Marks `buffer` as filled with its first `used` bytes (0: an empty answer) and raises its
  // interrupt. An error ends the guest.
  virtual absl::Status Deliver(const Buffer& buffer, uint32_t used) = 0;

  // Gives `buffer` back as it was: free, and no interrupt. The real host marks a buffer as used
  // when it hands it out (ABI.md §2.1, §2.6), so forgetting one is not enough.
  virtual absl::Status Release(const Buffer& buffer) = 0;

  // Raises an interrupt without a buffer. An error ends the guest.
  virtual absl::Status RaiseInterrupt(uint32_t irq) = 0;
};

// Where the bus has put a device.
struct DevicePlace {
  GuestPhys pages;  // the first of its pages; 0 for a device without
  uint32_t irq = 0;
};

// One device of one guest. Errors of its methods are the guest's end, with the message as reason;
// what goes wrong on the host's side (a full disk, an interface that is down) is the device's to
// report to the guest as the protocol has it.
//
// Belongs to the thread that runs the guest.
class Device {
 public:
  virtual ~Device() = default;

  // What the user calls it, for messages: "console", "block disk.img".
  virtual std::string name() const = 0;

  // What its descriptor says.
  virtual DeviceType type() const = 0;
  virtual uint16_t features() const { return 0; }
  virtual uint16_t num_pages() const { return 0; }

  // Once, before the guest starts: fills its pages.
  virtual absl::Status Attach(GuestMemory& memory, const DevicePlace& place) = 0;

  // The keys at which the launcher listens for it, once attached.
  virtual std::vector<DmaKey> output_keys() const = 0;

  // The guest sent `chain` to one of the output keys. Returns how many bytes were taken, which the
  // guest finds in used_len; nullopt when nobody is there to take any, which leaves used_len as the
  // guest set it.
  virtual absl::StatusOr<std::optional<uint32_t>> Send(DmaKey key, const DmaChain& chain,
                                                       DmaPort& port) = 0;

  // The file descriptor that is readable when there is input for the guest; -1 for a device without
  // any.
  virtual int input_fd() const { return -1; }

  enum class Input : uint8_t {
    kMore,    // there may be more
    kLast,    // that was all there is just now
    kNone,    // nothing to read just now
    kNoRoom,  // the guest has no buffer and the input stays where it is, so that the descriptor
              // remains readable: ask again when the guest has run, and do not watch it meanwhile
    kHeld,    // all there is has been read, but the guest has no buffer for it: ask again when the
              // guest has run, and also when the descriptor becomes readable
    kClosed,  // there will never be any more
  };

  // The input descriptor may be readable: hands one unit (a packet, a read) to the guest. Never
  // blocks. Cancelled when the user has asked for the launcher's end (see Console).
  virtual absl::StatusOr<Input> Receive(DmaPort& /*port*/) { return Input::kClosed; }

  // Once, when the guest is dead: brings to an end what may be under way.
  virtual void Finish() {}
};

}  // namespace lguest

#endif  // DEVICES_BUS_DEVICE_H_
