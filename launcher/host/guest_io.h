// What answers a guest's accesses to ports and device memory.

#ifndef LAUNCHER_HOST_GUEST_IO_H_
#define LAUNCHER_HOST_GUEST_IO_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "launcher/guest/address.h"

namespace lguest {

// The devices behind the ports and the device memory of a guest (VIRTIO_ABI.md §9). The launcher
// gives it to the host, which calls it inside Host::Run(), on the owner's thread, before the
// guest's instruction ends. Any number may come from the guest. An error is the guest's death, with
// the message as the reason.
class GuestIo {
 public:
  virtual ~GuestIo() = default;

  // What a write has caused.
  enum class Effect : uint8_t {
    kNone,
    kNotify,  // Host::Run() is to return Notified before the guest goes on
  };

  // `size`: 1, 2 or 4 bytes.
  virtual absl::StatusOr<uint32_t> ReadPort(uint16_t port, uint32_t size) = 0;
  virtual absl::StatusOr<Effect> WritePort(uint16_t port, uint32_t size, uint32_t value) = 0;

  // True if `page` is a page of device memory. Never for guest memory.
  virtual bool IsDeviceMemory(GuestPhys page) const = 0;

  // An access that starts in device memory. It may end outside of it.
  virtual absl::StatusOr<uint32_t> ReadMemory(GuestPhys address, uint32_t size) = 0;
  virtual absl::StatusOr<Effect> WriteMemory(GuestPhys address, uint32_t size, uint32_t value) = 0;
};

}  // namespace lguest

#endif  // LAUNCHER_HOST_GUEST_IO_H_
