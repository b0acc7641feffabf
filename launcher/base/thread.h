// Threads without exceptions.

#ifndef LAUNCHER_BASE_THREAD_H_
#define LAUNCHER_BASE_THREAD_H_

#include <pthread.h>

#include <functional>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"

namespace lguest {

// A running thread, which is joined on destruction. Not std::thread: its constructor throws if the
// system has no thread to give.
class Thread {
 public:
  Thread() = default;  // none

  // Runs `body` on a new thread, and returns when it has begun. (A sandbox may forbid the system
  // calls by which the C library starts a thread.) ResourceExhausted, with what helps, if there is
  // none to be had.
  static absl::StatusOr<Thread> Start(std::function<void()> body);

  Thread(Thread&& other) noexcept : thread_(std::exchange(other.thread_, std::nullopt)) {}
  Thread& operator=(Thread&& other) noexcept {
    std::swap(thread_, other.thread_);
    return *this;
  }
  ~Thread() { Join(); }

  bool is_running() const { return thread_.has_value(); }

  // Lets the thread run on alone: it is not joined.
  void Detach();

  // Waits for the end of the thread. Does nothing if there is none.
  void Join();

 private:
  explicit Thread(pthread_t thread) : thread_(thread) {}

  std::optional<pthread_t> thread_;
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_THREAD_H_
