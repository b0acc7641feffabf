// A whole guest on a CPU that counts, with a virtual clock.

#include "hostsim/virtual_clock.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "hostsim/clock.h"
#include "hostsim/count_stops.h"
#include "hostsim/counted_runs.h"
#include "hostsim/software_host.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/script_code.h"
#include "hostsim/testing/test_platform.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kTimer = 0;  // the interrupt of the guest's timer
constexpr uint32_t kInput = 5;
constexpr Nanos kNanosPerInstruction = 2;

class VirtualClockGuest {
 public:
  static constexpr uint64_t kNoMoreStops = uint64_t{1} << 40;

  // Stops the CPU every `stop_interval` instructions, besides the stops of the clock.
  explicit VirtualClockGuest(const Script& script, VirtualClock::Idle idle = nullptr,
                             uint64_t stop_interval = kNoMoreStops)
      : boot_(LoadScriptCode(script, *memory_).value()),
        clock_(count_stops_, {.nanos_per_instruction = kNanosPerInstruction}),
        interval_(stop_interval),
        host_(*memory_, *cpu_, clock_, {.tsc_khz = VirtualClock::kTscKhz}) {
    clock_.SetIdle(std::move(idle));
    count_stops_.Set(more_stops_, interval_);
    EXPECT_TRUE(host_.Initialize(boot_).ok());
  }

  SoftwareHost& host() { return host_; }
  Nanos Now() { return clock_.Now(); }
  uint32_t stops() const { return stops_; }
  uint64_t count() { return cpu_->counted()->count(); }
  Exit Run() { return host_.Run().value(); }
  std::string Death() { return std::get<Died>(Run()).reason; }

 private:
  const std::unique_ptr<GuestMemory> memory_ = GuestMemory::Create(kScriptMemorySize).value();
  const std::unique_ptr<Vcpu> cpu_ = CurrentTestPlatform().new_cpu(*memory_).value();
  const BootState boot_;
  CountStops count_stops_{*cpu_->counted()};
  VirtualClock clock_;
  const uint64_t interval_;
  uint32_t stops_ = 0;
  const CountStops::User more_stops_ = count_stops_.Add([this] {
    ++stops_;
    count_stops_.Set(more_stops_, cpu_->counted()->count() + interval_);
  });
  SoftwareHost host_;
};

class VirtualClockGuestTest : public testing::Test {
 protected:
  void SetUp() override { LGUEST_REQUIRE_CPU(kCountsInstructions); }
};

TEST_F(VirtualClockGuestTest, TimerInterruptsRunningGuestAtTheSameCount) {
  const Script script =
      Script().Init().Call(Hypercall::kSetClockevent, 1'000'000).Spin(kTimer).Crash("x");
  VirtualClockGuest guest(script);
  EXPECT_EQ(guest.Death(), "CRASH: x");
  EXPECT_GE(guest.count(), 500'000u);
  EXPECT_LE(guest.count(), 510'000u);
  EXPECT_EQ(guest.Now(), static_cast<Nanos>(guest.count()) * kNanosPerInstruction);
  VirtualClockGuest again(script);
  EXPECT_EQ(again.Death(), "CRASH: x");
  EXPECT_EQ(again.count(), guest.count());
}

// An hour passes at once.
TEST_F(VirtualClockGuestTest, HaltedGuestSkipsTime) {
  Script script = Script().Init();
  constexpr uint32_t kWait = 3'600'000'000;
  for (int i = 0; i < 1000; ++i) script.Call(Hypercall::kSetClockevent, kWait).Wait(kTimer);
  script.Crash("x");
  VirtualClockGuest guest(script);
  EXPECT_EQ(guest.Death(), "CRASH: x");
  EXPECT_GE(guest.Now(), Nanos{1000} * kWait);
  EXPECT_LE(guest.count(), 1'000'000u);
}

// The timer is due while the guest has interrupts off. The guest turns them on by a plain store,
// and the host must not notice that at a stop.
TEST_F(VirtualClockGuestTest, MoreStopsDoNotChangeWhenInterruptsAreDelivered) {
  Script script = Script().Init().Put32(Script::kData.value(), 0);
  script.Call(Hypercall::kSetClockevent, 1000);
  for (int i = 0; i < 500; ++i) script.Put32(0x5000, 1);
  script.Put32(Script::kData.value(), kInterruptFlag).Spin(kTimer).Crash("x");
  VirtualClockGuest guest(script);
  EXPECT_EQ(guest.Death(), "CRASH: x");
  for (const uint64_t interval : {50, 777}) {
    VirtualClockGuest stopped(script, nullptr, interval);
    EXPECT_EQ(stopped.Death(), "CRASH: x");
    EXPECT_EQ(stopped.count(), guest.count()) << interval;
    EXPECT_GT(stopped.stops(), guest.count() / interval / 2);
  }
}

TEST_F(VirtualClockGuestTest, IdleFunctionBreaksOutWithInput) {
  VirtualClockGuest* running = nullptr;
  VirtualClockGuest guest(Script().Init().Wait(kInput).Crash("x"),
                          [&](std::optional<Nanos> limit) -> Nanos {
                            EXPECT_EQ(limit, std::nullopt);
                            running->host().RequestBreakOut();
                            return 7000;
                          });
  running = &guest;
  EXPECT_TRUE(std::holds_alternative<BrokenOut>(guest.Run()));
  EXPECT_EQ(guest.Now(), static_cast<Nanos>(guest.count()) * kNanosPerInstruction + 7000);
  EXPECT_TRUE(guest.host().RaiseInterrupt(kInput).ok());
  EXPECT_EQ(guest.Death(), "CRASH: x");
}

}  // namespace
}  // namespace lguest::hostsim
