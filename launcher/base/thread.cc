#include "launcher/base/thread.h"

#include <cstring>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lguest {
namespace {

using Body = std::function<void()>;

void* RunBody(void* body) {
  (*std::unique_ptr<Body>(static_cast<Body*>(body)))();
  return nullptr;
}

}  // namespace

absl::StatusOr<Thread> Thread::Start(std::function<void()> body) {
  auto owned = std::make_unique<Body>(std::move(body));
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, RunBody, owned.get());
  if (error != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("starting a thread: ", strerror(error),
                     " (limits: ulimit -u, ulimit -v, pids.max of the control group)"));
  }
  [[maybe_unused]] const Body* const threads_own = owned.release();
  return Thread(thread);
}

void Thread::Join() {
  if (!thread_.has_value()) return;
  pthread_join(*thread_, nullptr);
  thread_.reset();
}

}  // namespace lguest
