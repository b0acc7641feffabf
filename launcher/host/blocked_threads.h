// Threads that wait in a system call, and how to get them out of it.

#ifndef LAUNCHER_HOST_BLOCKED_THREADS_H_
#define LAUNCHER_HOST_BLOCKED_THREADS_H_

#include <pthread.h>

#include <mutex>
#include <vector>

namespace lguest {

// A system call that InterruptAll() meets fails with EINTR. One that is about to begin does not
// notice: what it would wait for has to be settled before InterruptAll() is called.
//
// Uses SIGURG, which means nothing to a process that has no handler for it.
class BlockedThreads {
 public:
  BlockedThreads();

  // The calling thread may wait while this exists.
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
