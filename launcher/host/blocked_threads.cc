#include "launcher/host/blocked_threads.h"

#include <algorithm>
#include <csignal>

namespace lguest {

BlockedThreads::BlockedThreads() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  action.sa_flags = 0;  // no SA_RESTART: the call is to fail
  sigaction(SIGURG, &action, nullptr);
}

BlockedThreads::Scope::Scope(BlockedThreads& threads) : threads_(threads) {
  const std::lock_guard lock(threads_.mutex_);
  threads_.threads_.push_back(pthread_self());
}

BlockedThreads::Scope::~Scope() {
  const std::lock_guard lock(threads_.mutex_);
  const auto self = std::find_if(threads_.threads_.begin(), threads_.threads_.end(),
                                 [](pthread_t thread) { return thread == pthread_self(); });
  threads_.threads_.erase(self);
}

void BlockedThreads::InterruptAll() {
  const std::lock_guard lock(mutex_);
  for (const pthread_t thread : threads_) pthread_kill(thread, SIGURG);
}

}  // namespace lguest
