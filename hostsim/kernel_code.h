// Reads the instruction of a guest's kernel that the host is to execute.

#ifndef HOSTSIM_KERNEL_CODE_H_
#define HOSTSIM_KERNEL_CODE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "hostsim/guest_state.h"

namespace lguest::hostsim {

// The bytes from %eip on, which the guest's page tables map. The processor has just read them, so a
// byte that is not mapped is none of the instruction. All bytes are hostile.
class KernelCode {
 public:
  // The longest instruction that the host executes: prefix, opcode, ModRM, SIB, displacement.
  static constexpr size_t kLongest = 8;

  // The guest is at ring 1.
  explicit KernelCode(const GuestState& guest);

  // The next byte; 0 if there is none.
  uint8_t Next() { return position_ < size_ ? bytes_[position_++] : 0; }
  // The next `count` bytes do not matter.
  void Skip(size_t count) { position_ += count; }

  size_t position() const { return position_; }  // bytes so far

 private:
  std::array<uint8_t, kLongest> bytes_ = {};
  size_t size_ = 0;
  size_t position_ = 0;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KERNEL_CODE_H_
