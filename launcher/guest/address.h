// Addresses and numbers of a guest. Each kind is a type of its own, so that they cannot be mixed
// up.

#ifndef LAUNCHER_GUEST_ADDRESS_H_
#define LAUNCHER_GUEST_ADDRESS_H_

#include <compare>
#include <cstdint>
#include <utility>

namespace lguest {

inline constexpr uint32_t kPageSize = 4096;
inline constexpr uint32_t kPageShift = 12;

// A 32-bit number of one kind. Conversions are explicit in both directions. There is no arithmetic:
// the caller must decide what happens at the ends of the range.
template <typename Kind>
class StrongU32 {
 public:
  constexpr StrongU32() = default;
  constexpr explicit StrongU32(uint32_t value) : value_(value) {}

  constexpr uint32_t value() const { return value_; }

  friend constexpr auto operator<=>(StrongU32, StrongU32) = default;

  template <typename H>
  friend H AbslHashValue(H state, StrongU32 number) {
    return H::combine(std::move(state), number.value_);
  }

 private:
  uint32_t value_ = 0;
};

// Guest-physical address, in bytes from the start of guest memory.
using GuestPhys = StrongU32<struct GuestPhysKind>;

// Address in the guest's own code, before translation by its page tables.
using GuestVirt = StrongU32<struct GuestVirtKind>;

// Names one end of a DMA. The console's key is 0; each other device's keys are addresses in its own
// page.
using DmaKey = StrongU32<struct DmaKeyKind>;

constexpr bool IsPageAligned(uint32_t value) { return value % kPageSize == 0; }

// Rounds up to whole pages; 64 bits wide, so that the last page below 4 GB does not wrap to 0.
constexpr uint64_t PageAlignUp(uint64_t value) {
  return (value + kPageSize - 1) & ~uint64_t{kPageSize - 1};
}

constexpr uint32_t PageAlignDown(uint32_t value) { return value & ~(kPageSize - 1); }

}  // namespace lguest

#endif  // LAUNCHER_GUEST_ADDRESS_H_
