// Delays that grow while something fails.

#ifndef LAUNCHER_BASE_BACKOFF_H_
#define LAUNCHER_BASE_BACKOFF_H_

#include <algorithm>
#include <chrono>

namespace lguest {

// The delays before further tries: the shortest at first, then twice the last one, at most the
// longest.
class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  constexpr Backoff(Milliseconds shortest, Milliseconds longest)
      : shortest_(shortest), longest_(longest) {}

  // The delay before the next try.
  Milliseconds Next() { return delay_ = std::clamp(delay_ * 2, shortest_, longest_); }

  // A try has succeeded.
  void Reset() { delay_ = Milliseconds(0); }

  // What Next() has returned last; 0 after Reset().
  Milliseconds delay() const { return delay_; }

 private:
  Milliseconds shortest_;
  Milliseconds longest_;
  Milliseconds delay_{0};
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_BACKOFF_H_
