#include "launcher/base/thread.h"

#include <semaphore.h>

#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lguest {
namespace {

struct Beginning {
  std::function<void()> body;
  sem_t has_begun;
};

void* RunBody(void* argument) {
  auto* const start = static_cast<Beginning*>(argument);
  const std::function<void()> body = std::move(start->body);
  sem_post(&start->has_begun);
  body();
  return nullptr;
}

}  // namespace

absl::StatusOr<Thread> Thread::Start(std::function<void()> body) {
  Beginning start = {.body = std::move(body), .has_begun = {}};
  sem_init(&start.has_begun, 0, 0);
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, RunBody, &start);
  if (error != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("starting a thread: ", strerror(error),
                     " (limits: ulimit -u, ulimit -v, pids.max of the control group)"));
  }
  while (sem_wait(&start.has_begun) != 0) {  // a handler of a signal has run
  }
  sem_destroy(&start.has_begun);
  return Thread(thread);
}

void Thread::Detach() {
  if (!thread_.has_value()) return;
  pthread_detach(*thread_);
  thread_.reset();
}

void Thread::Join() {
  if (!thread_.has_value()) return;
  pthread_join(*thread_, nullptr);
  thread_.reset();
}

}  // namespace lguest
