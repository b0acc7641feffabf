// Interrupts threads that are blocked in a system call.

#ifndef LAUNCHER_HOST_BLOCKED_THREADS_H_
#define LAUNCHER_HOST_BLOCKED_THREADS_H_

#include <pthread.h>

#include <mutex>
#include <vector>

namespace lguest {

// A system call that is blocked when InterruptAll() is called fails with EINTR. A call that is
// about to begin is not interrupted, so the caller of InterruptAll() first makes sure that such a
// call does not block.
//
// Uses SIGURG, which a process without a handler ignores.
class BlockedThreads {
 public:
  BlockedThreads();

  // While it exists, the calling thread may be blocked.
  class Scope {
   public:
    explicit Scope(BlockedThreads& threads);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    BlockedThreads& threads_;
  };

  // From any thread.
  void InterruptAll();

 private:
  std::mutex mutex_;
  std::vector<pthread_t> threads_;
};

}  // namespace lguest

#endif  // LAUNCHER_HOST_BLOCKED_THREADS_H_
