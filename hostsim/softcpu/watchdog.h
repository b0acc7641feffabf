// Stops a CPU that runs code without an end.

#ifndef HOSTSIM_SOFTCPU_WATCHDOG_H_
#define HOSTSIM_SOFTCPU_WATCHDOG_H_

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include "hostsim/vcpu.h"

namespace lguest::hostsim {

// Kicks `cpu` when it has run for a few milliseconds. Aborts if the CPU still runs long after that.
class Watchdog {
 public:
  explicit Watchdog(Vcpu& cpu) : thread_([this, &cpu] { Watch(cpu); }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    wakeup_.notify_one();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Watch(Vcpu& cpu) {
    constexpr std::chrono::milliseconds kPatience(1);
    constexpr std::chrono::seconds kLimit(20);
    const auto is_done = [this] { return done_; };
    std::unique_lock lock(mutex_);
    if (wakeup_.wait_for(lock, kPatience, is_done)) return;
    cpu.Kick();
    if (wakeup_.wait_for(lock, kLimit, is_done)) return;
    std::cerr << "FAILED: the CPU does not stop after a kick\n";
    std::abort();
  }

  std::mutex mutex_;
  std::condition_variable wakeup_;
  bool done_ = false;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_WATCHDOG_H_
