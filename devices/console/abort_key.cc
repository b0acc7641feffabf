#include "devices/console/abort_key.h"

namespace lguest {

MonotonicClock SteadyClock() {
  return [] {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
  };
}

bool AbortKey::Observe(std::span<const std::byte> typed) {
  if (typed.empty()) return false;
  const std::chrono::nanoseconds now = clock_();
  for (const std::byte key : typed) {
    if (key != kKey) {
      count_ = 0;
      continue;
    }
    if (count_ == 2) {
      if (now - previous_[0] <= kWindow) return true;
      previous_ = {previous_[1], now};  // drop the oldest key: it is outside the window
    } else {
      previous_[count_++] = now;
    }
  }
  return false;
}

}  // namespace lguest
