// What a processor pushes when it enters a handler.

#ifndef HOSTSIM_I386_TRAP_FRAME_H_
#define HOSTSIM_I386_TRAP_FRAME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lguest::hostsim {

// EFLAGS bits that the processor clears on its way into a handler: trap flag, nested task, resume,
// virtual-8086 mode. A trap flag set by user code would single-step the kernel's handler to death.
inline constexpr uint32_t kClearedInHandler = 0x00034100;

// The words of one trap frame, last pushed first.
class TrapFrame {
 public:
  void Push(uint32_t word) { words_[--first_] = word; }
  std::span<const uint32_t> words() const { return std::span(words_).subspan(first_); }
  uint32_t size() const { return static_cast<uint32_t>(words().size_bytes()); }

 private:
  std::array<uint32_t, 6> words_;
  size_t first_ = words_.size();
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_TRAP_FRAME_H_
