// Tests of the host's use of its clock: sleep, retries of blocked interrupts.

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "hostsim/clock.h"
#include "hostsim/software_host.h"
#include "hostsim/testing/scripted_machine.h"

namespace lguest::hostsim {
namespace {

// A clock that calls a function when its alarm is turned off, which the host does just before it
// sleeps.
class HookedClock final : public Clock {
 public:
  std::function<void()> before_sleep;
  bool waited = false;

  Nanos Now() override { return 0; }
  GuestTime WallTime() override { return {}; }
  void SetAlarmCallback(std::function<void()> /*callback*/) override {}
  void SetAlarm(std::optional<Nanos> deadline) override {
    if (!deadline.has_value() && before_sleep) before_sleep();
  }
  void Wait(std::unique_lock<std::mutex>& /*lock*/, std::condition_variable& /*wakeup*/,
            std::optional<Nanos> /*deadline*/) override {
    waited = true;
  }
};

class KickableVcpu final : public ScriptedVcpu {
 public:
  using ScriptedVcpu::ScriptedVcpu;
  std::promise<void> kicked;
  void Kick() override {
    kicked.set_value();
    ScriptedVcpu::Kick();
  }
};

TEST(HaltTest, BreakOutJustBeforeTheGuestSleepsKeepsItAwake) {
  const auto memory = GuestMemory::Create(ScriptedMachine::kMemorySize).value();
  KickableVcpu cpu(*memory, Script().Init().Call(Hypercall::kSetClockevent, 1'000'000'000).Wait(3));
  HookedClock clock;
  SoftwareHost host(*memory, cpu, clock);
  ASSERT_TRUE(host.Initialize({.pfn_limit = memory->size() / kPageSize,
                               .page_directory = GuestPhys(0),
                               .entry = GuestVirt(0xc0010000),
                               .page_offset = Script::kPageOffset})
                  .ok());
  std::thread breaker;
  clock.before_sleep = [&] {
    breaker = std::thread([&] { EXPECT_TRUE(host.BreakOut().ok()); });
    cpu.kicked.get_future().wait();  // the break-out is noted
  };
  EXPECT_TRUE(std::holds_alternative<BrokenOut>(host.Run().value()));
  EXPECT_FALSE(clock.waited);
  EXPECT_TRUE(host.Resume().ok());
  breaker.join();
}

// A guest with a timer of 1 s and a pending interrupt that it blocks. It stops at two DMAs.
class RetryTest : public ::testing::Test {
 protected:
  static constexpr Nanos kRetry = 1'000'000;
  static constexpr uint32_t kBlockAll = 0xffffffff;

  RetryTest() {
    machine_.Run();  // up to the first DMA
    EXPECT_TRUE(machine_.host().RaiseInterrupt(3).ok());
  }

  ScriptedMachine machine_{
      Script()
          .Init()
          .Put32(Script::kData.value() + offsetof(LguestData, blocked_interrupts), kBlockAll)
          .Call(Hypercall::kSetClockevent, 1'000'000'000)
          .Send(DmaKey(4), GuestPhys(0))
          .Send(DmaKey(8), GuestPhys(0))
          .Send(DmaKey(12), GuestPhys(0))};
};

TEST_F(RetryTest, EarlierOfTimerAndRetryIsTheAlarm) {
  const Nanos now = machine_.clock().Now();
  machine_.Run();
  EXPECT_EQ(machine_.clock().alarm(), now + kRetry);
}

TEST_F(RetryTest, RetryThatWasDueIsSetAgain) {
  machine_.Run();
  machine_.clock().Advance(kRetry);
  machine_.Run();
  EXPECT_EQ(machine_.clock().alarm(), machine_.clock().Now() + kRetry);
}

}  // namespace
}  // namespace lguest::hostsim
