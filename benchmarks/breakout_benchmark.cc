// Break-out latency: the time from the moment a descriptor becomes readable until the device is
// asked to read it, while the guest computes in an endless loop (target: a median of 50 us). The
// limit is the time that a thread needs to wake up from epoll while another thread computes.
//
// Counters are in microseconds. The time of an iteration is their mean.

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "benchmarks/small_guest.h"
#include "devices/bus/device.h"
#include "launcher/base/unique_fd.h"
#include "launcher/run_loop.h"

namespace lguest {
namespace {

using Clock = std::chrono::steady_clock;

// Long enough for the guest to be back in its loop.
constexpr std::chrono::microseconds kPause(200);

// A descriptor that one thread makes readable and another thread reads.
class Bell {
 public:
  int fd() const { return fd_.get(); }

  // Rings, and waits until the other thread has read the ring. Returns the time between the two.
  std::chrono::duration<double> Ring() {
    const uint32_t heard = heard_.load();
    const Clock::time_point start = Clock::now();
    const uint64_t one = 1;
    if (write(fd_.get(), &one, sizeof(one)) != sizeof(one)) std::abort();
    heard_.wait(heard);
    return when_.load() - start;
  }

  // Rings once more, to tell the other thread to stop.
  void RingForTheLastTime() {
    over_ = true;
    Ring();
  }

  bool over() const { return over_.load(); }

  void Hear() {
    when_ = Clock::now();
    uint64_t rung = 0;
    if (read(fd_.get(), &rung, sizeof(rung)) != sizeof(rung)) std::abort();
    ++heard_;
    heard_.notify_one();
  }

 private:
  const UniqueFd fd_{eventfd(0, EFD_CLOEXEC)};
  std::atomic<bool> over_ = false;
  std::atomic<uint32_t> heard_ = 0;
  std::atomic<Clock::time_point> when_;
};

// Reads the bell. Ends the guest at the last ring.
class BellDevice final : public Device {
 public:
  explicit BellDevice(Bell& bell) : bell_(bell) {}

  std::string name() const override { return "bell"; }
  DeviceType type() const override { return DeviceType::kConsole; }
  absl::Status Attach(GuestMemory& /*memory*/, const DevicePlace& /*place*/) override {
    return absl::OkStatus();
  }
  std::vector<DmaKey> output_keys() const override { return {}; }
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey /*key*/, const DmaChain& /*chain*/,
                                               DmaPort& /*port*/) override {
    return std::nullopt;
  }
  int input_fd() const override { return bell_.fd(); }
  absl::StatusOr<Input> Receive(DmaPort& /*port*/) override {
    bell_.Hear();
    if (bell_.over()) return absl::AbortedError("over");
    return Input::kNone;
  }

 private:
  Bell& bell_;
};

// Rings repeatedly while `listen` runs in another thread.
template <typename Listen>
void Measure(benchmark::State& state, Bell& bell, const Listen& listen) {
  std::thread listener(listen);
  bell.Ring();  // The other thread runs once it has read this.
  std::vector<double> micros;
  for (auto _ : state) {
    std::this_thread::sleep_for(kPause);
    const std::chrono::duration<double> taken = bell.Ring();
    state.SetIterationTime(taken.count());
    micros.push_back(taken.count() * 1e6);
  }
  bell.RingForTheLastTime();
  listener.join();
  std::ranges::sort(micros);
  state.counters["median"] = micros[micros.size() / 2];
  state.counters["p99"] = micros[micros.size() * 99 / 100];
}

void BM_BreakOut(benchmark::State& state, CpuFactory make_cpu) {
  Bell bell;
  Measure(state, bell, [&] {
    const std::vector<uint8_t> endless_loop = {0xeb, 0xfe};  // 1: jmp 1b
    SmallGuest guest(make_cpu, endless_loop, std::make_unique<BellDevice>(bell));
    if (RunGuest(guest.host(), guest.bus(), nullptr, nullptr).value() != "over") std::abort();
  });
}
BENCHMARK_CAPTURE(BM_BreakOut, soft, MakeSoftCpu)->UseManualTime()->Unit(benchmark::kMicrosecond);

void BM_Limit_BreakOut(benchmark::State& state) {
  Bell bell;
  std::atomic<bool> computes = true;
  std::thread guest([&] {
    while (computes.load(std::memory_order_relaxed)) {
    }
  });
  Measure(state, bell, [&] {
    const UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event = {.events = EPOLLIN, .data = {}};
    if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, bell.fd(), &event) != 0) std::abort();
    while (!bell.over()) {
      if (epoll_wait(epoll.get(), &event, 1, -1) == 1) bell.Hear();
    }
  });
  computes = false;
  guest.join();
}
BENCHMARK(BM_Limit_BreakOut)->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace lguest
