// The way out of a guest that listens to nothing.

#ifndef DEVICES_CONSOLE_ABORT_KEY_H_
#define DEVICES_CONSOLE_ABORT_KEY_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>

namespace lguest {

// Time that never goes back, from any start.
using MonotonicClock = std::function<std::chrono::nanoseconds()>;

MonotonicClock SteadyClock();

// Watches for ^C, three times with nothing in between and within one second. How the bytes are
// spread over reads does not matter.
class AbortKey {
 public:
  static constexpr std::byte kKey{3};  // ^C
  static constexpr std::chrono::nanoseconds kWindow = std::chrono::seconds(1);

  explicit AbortKey(MonotonicClock clock) : clock_(std::move(clock)) {}

  // `typed` has just been read. True when the third ^C is in it.
  bool Observe(std::span<const std::byte> typed);

 private:
  MonotonicClock clock_;
  std::array<std::chrono::nanoseconds, 2> previous_ = {};  // when the last ones came, oldest first
  int count_ = 0;                                          // how many of them count
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_ABORT_KEY_H_
