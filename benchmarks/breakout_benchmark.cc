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
class Doorbell {
 public:
  int fd() const { return fd_.get(); }

  // Rings, and waits until the other thread has read the ring. Returns the time between the two.
  std::chrono::duration<double> Ring() {
    const uint32_t acknowledged = acknowledged_.load();
    const Clock::time_point start = Clock::now();
    const uint64_t one = 1;
    if (write(fd_.get(), &one, sizeof(one)) != sizeof(one)) std::abort();
    acknowledged_.wait(acknowledged);
    return when_.load() - start;
  }

  // Rings once more, to tell the other thread to stop.
  void RingAndStop() {
    stop_ = true;
    Ring();
  }

  // Reads the ring. Returns true if it was the last one.
  bool Acknowledge() {
    // Once the ring is acknowledged, the other thread may already have set this for the next one.
    const bool stop = stop_.load();
    when_ = Clock::now();
    uint64_t rings = 0;
    if (read(fd_.get(), &rings, sizeof(rings)) != sizeof(rings)) std::abort();
    ++acknowledged_;
    acknowledged_.notify_one();
    return stop;
  }

 private:
  const UniqueFd fd_{eventfd(0, EFD_CLOEXEC)};
  std::atomic<bool> stop_ = false;
  std::atomic<uint32_t> acknowledged_ = 0;
  std::atomic<Clock::time_point> when_;
};

// Reads the doorbell. Ends the guest at the last ring.
class DoorbellDevice final : public Device {
 public:
  explicit DoorbellDevice(Doorbell& doorbell) : doorbell_(doorbell) {}

  std::string name() const override { return "doorbell"; }
  DeviceType type() const override { return DeviceType::kConsole; }
  absl::Status Attach(GuestMemory& /*memory*/, const DevicePlace& /*place*/) override {
    return absl::OkStatus();
  }
  std::vector<DmaKey> output_keys() const override { return {}; }
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey /*key*/, const DmaChain& /*chain*/,
                                               DmaPort& /*port*/) override {
    return std::nullopt;
  }
  int input_fd() const override { return doorbell_.fd(); }
  absl::StatusOr<Input> Receive(DmaPort& /*port*/) override {
    if (doorbell_.Acknowledge()) return absl::AbortedError("stopped");
    return Input::kNone;
  }

 private:
  Doorbell& doorbell_;
};

// Rings repeatedly while `listen` runs in another thread.
template <typename Listen>
void Measure(benchmark::State& state, Doorbell& doorbell, const Listen& listen) {
  std::thread listener(listen);
  doorbell.Ring();  // The other thread runs once it has read this.
  std::vector<double> micros;
  for (auto _ : state) {
    std::this_thread::sleep_for(kPause);
    const std::chrono::duration<double> taken = doorbell.Ring();
    state.SetIterationTime(taken.count());
    micros.push_back(taken.count() * 1e6);
  }
  doorbell.RingAndStop();
  listener.join();
  std::ranges::sort(micros);
  state.counters["median"] = micros[micros.size() / 2];
  state.counters["p99"] = micros[micros.size() * 99 / 100];
}

void BM_BreakOut(benchmark::State& state, CpuFactory make_cpu) {
  Doorbell doorbell;
  Measure(state, doorbell, [&] {
    const std::vector<uint8_t> endless_loop = {0xeb, 0xfe};  // 1: jmp 1b
    SmallGuest guest(make_cpu, endless_loop, std::make_unique<DoorbellDevice>(doorbell));
    if (RunGuest(guest.host(), guest.bus(), nullptr, nullptr).value() != "stopped") std::abort();
  });
}
BENCHMARK_CAPTURE(BM_BreakOut, soft, MakeSoftCpu)->UseManualTime()->Unit(benchmark::kMicrosecond);

void BM_Limit_BreakOut(benchmark::State& state) {
  Doorbell doorbell;
  std::atomic<bool> computes = true;
  std::thread guest([&] {
    while (computes.load(std::memory_order_relaxed)) {
    }
  });
  Measure(state, doorbell, [&] {
    const UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event = {.events = EPOLLIN, .data = {}};
    if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, doorbell.fd(), &event) != 0) std::abort();
    bool stops = false;
    while (!stops) {
      if (epoll_wait(epoll.get(), &event, 1, -1) == 1) stops = doorbell.Acknowledge();
    }
  });
  computes = false;
  guest.join();
}
BENCHMARK(BM_Limit_BreakOut)->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace lguest
