#include "launcher/metered_host.h"

#include <gtest/gtest.h>

#include <ctime>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace lguest {
namespace {

// Returns the given exits, one for each call of Run().
class FakeHost : public Host {
 public:
  explicit FakeHost(std::vector<absl::StatusOr<Exit>> exits) : exits_(std::move(exits)) {}

  absl::Status Initialize(const BootState& /*boot*/) override { return absl::OkStatus(); }
  absl::StatusOr<Exit> Run() override { return exits_[next_++]; }
  absl::StatusOr<BoundDma> GetDma(DmaKey key) override {
    return BoundDma{.dma = GuestPhys(key.value() + 1), .irq = 7};
  }
  absl::Status RaiseInterrupt(uint32_t /*irq*/) override {
    return absl::InvalidArgumentError("irq");
  }
  absl::Status BreakOut() override { return absl::NotFoundError("dead"); }
  absl::Status Resume() override { return absl::OkStatus(); }
  void RequestBreakOut() override { ++break_requests_; }
  int break_requests() const { return break_requests_; }

 private:
  std::vector<absl::StatusOr<Exit>> exits_;
  size_t next_ = 0;
  int break_requests_ = 0;
};

TEST(MeteredHostTest, ExitsAreCountedByKindAndForwarded) {
  FakeHost inner({DmaSent{GuestPhys(0x1000), DmaKey(4)}, BrokenOut(), DmaSent{}, SignalReceived(),
                  absl::InternalError("broken"), Died{"CRASH: x"}});
  MeteredHost host(inner);
  EXPECT_EQ(std::get<DmaSent>(*host.Run()).dma, GuestPhys(0x1000));
  EXPECT_TRUE(std::holds_alternative<BrokenOut>(*host.Run()));
  EXPECT_TRUE(std::holds_alternative<DmaSent>(*host.Run()));
  EXPECT_TRUE(std::holds_alternative<SignalReceived>(*host.Run()));
  EXPECT_EQ(host.Run().status().message(), "broken");
  EXPECT_EQ(std::get<Died>(*host.Run()).reason, "CRASH: x");
  EXPECT_EQ(host.readings().dma_sent, 2u);
  EXPECT_EQ(host.readings().broken_out, 1u);
  EXPECT_EQ(host.readings().interrupted, 1u);
  EXPECT_EQ(host.readings().died, 1u);
}

TEST(MeteredHostTest, OtherCallsAreForwarded) {
  FakeHost inner({});
  MeteredHost host(inner);
  EXPECT_TRUE(host.Initialize({}).ok());
  EXPECT_EQ(host.GetDma(DmaKey(8))->dma, GuestPhys(9));
  EXPECT_EQ(host.RaiseInterrupt(1).message(), "irq");
  EXPECT_EQ(host.BreakOut().message(), "dead");
  EXPECT_TRUE(host.Resume().ok());
  host.RequestBreakOut();
  EXPECT_EQ(inner.break_requests(), 1);
}

TEST(MeteredHostTest, TimesAreWithinTheElapsedTime) {
  FakeHost inner({BrokenOut(), BrokenOut(), Died{"x"}});
  MeteredHost host(inner);
  timespec before = {};
  clock_gettime(CLOCK_MONOTONIC, &before);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(host.Run().ok());
  timespec after = {};
  clock_gettime(CLOCK_MONOTONIC, &after);
  const auto nanos = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  const MeteredHost::Readings& readings = host.readings();
  EXPECT_GE(readings.first_run, nanos(before));
  EXPECT_LE(readings.first_run, nanos(after));
  EXPECT_GE(readings.guest, 0);
  EXPECT_GE(readings.sleep, 0);
  EXPECT_GE(readings.launcher, 0);
  EXPECT_LE(readings.launcher + readings.sleep, nanos(after) - nanos(before));
}

int64_t ThreadNanos() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Computes for a while in each Run().
class BusyHost final : public FakeHost {
 public:
  static constexpr int64_t kBusy = 20'000'000;

  BusyHost() : FakeHost({BrokenOut()}) {}
  absl::StatusOr<Exit> Run() override {
    const int64_t end = ThreadNanos() + kBusy;
    while (ThreadNanos() < end) {
    }
    return FakeHost::Run();
  }
};

TEST(MeteredHostTest, ComputingIsNoSleep) {
  BusyHost inner;
  MeteredHost host(inner);
  timespec before = {};
  clock_gettime(CLOCK_MONOTONIC, &before);
  ASSERT_TRUE(host.Run().ok());
  timespec after = {};
  clock_gettime(CLOCK_MONOTONIC, &after);
  const int64_t elapsed =
      int64_t{after.tv_sec - before.tv_sec} * 1'000'000'000 + after.tv_nsec - before.tv_nsec;
  EXPECT_GE(host.readings().guest, BusyHost::kBusy);
  // The clocks are not read at the same instant.
  EXPECT_LE(host.readings().guest + host.readings().sleep, elapsed + BusyHost::kBusy / 4);
}

}  // namespace
}  // namespace lguest
