// Detects the key sequence that ends the launcher.

#ifndef DEVICES_CONSOLE_ABORT_KEY_H_
#define DEVICES_CONSOLE_ABORT_KEY_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>

namespace lguest {

// Returns a monotonic time since an arbitrary start.
using MonotonicClock = std::function<std::chrono::nanoseconds()>;

MonotonicClock SteadyClock();

// Detects three consecutive ^C within one second, however they are distributed over reads.
class AbortKey {
 public:
  static constexpr std::byte kKey{3};  // ^C
  static constexpr std::chrono::nanoseconds kWindow = std::chrono::seconds(1);

  explicit AbortKey(MonotonicClock clock) : clock_(std::move(clock)) {}

  // Call with the bytes of each read. True when they contain the third ^C.
  bool Observe(std::span<const std::byte> typed);

 private:
  MonotonicClock clock_;
  std::array<std::chrono::nanoseconds, 2> previous_ = {};  // times of the last keys, oldest first
  int count_ = 0;                                          // valid entries of `previous_`
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_ABORT_KEY_H_
