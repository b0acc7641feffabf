// Tests of the /dev/lguest protocol (ABI.md §2).

#include "hostsim/software_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "hostsim/testing/scripted_machine.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kFree = 0x5000;  // a page that Script::Init() does not use

// Runs `what` on a thread that does not own the guest, and returns its result.
template <typename What>
auto OnOtherThread(What what) {
  return std::async(std::launch::async, what).get();
}

TEST(InitializeTest, OtherCallsFailBeforeInitialize) {
  ScriptedMachine machine(Script().Init());
  EXPECT_TRUE(absl::IsInvalidArgument(machine.host().Run().status()));
  EXPECT_TRUE(absl::IsInvalidArgument(machine.host().GetDma(DmaKey(0)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(machine.host().RaiseInterrupt(0)));
  EXPECT_TRUE(absl::IsInvalidArgument(machine.host().BreakOut()));
  EXPECT_TRUE(absl::IsInvalidArgument(machine.host().Resume()));
}

TEST(InitializeTest, SecondCallFails) {
  ScriptedMachine machine(Script().Init());
  ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
  EXPECT_EQ(machine.host().Initialize(machine.boot()).code(), absl::ErrnoToStatusCode(EBUSY));
}

TEST(InitializeTest, SecondCallOfAnotherThreadIsNotPermitted_F29) {
  ScriptedMachine machine(Script().Init());
  ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
  std::thread([&] {
    EXPECT_TRUE(absl::IsPermissionDenied(machine.host().Initialize(machine.boot())));
  }).join();
}

TEST(InitializeTest, PageOffsetInHostAreaFails) {
  ScriptedMachine machine(Script().Init());
  BootState boot = machine.boot();
  boot.page_offset = 0xffc00000;
  EXPECT_TRUE(absl::IsInvalidArgument(machine.host().Initialize(boot)));
  boot.page_offset = 0xffbff000;
  EXPECT_TRUE(machine.host().Initialize(boot).ok()) << "after a failed attempt";
}

TEST(InitializeTest, BadPfnLimitOrDirectoryFails) {
  ScriptedMachine machine(Script().Init());
  BootState boot = machine.boot();
  boot.pfn_limit = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(machine.host().Initialize(boot)));
  boot = machine.boot();
  boot.page_directory = GuestPhys(ScriptedMachine::kMemorySize);
  EXPECT_TRUE(absl::IsInvalidArgument(machine.host().Initialize(boot)));
}

TEST(InitializeTest, GuestStartsInBootState) {
  ScriptedMachine machine(Script().Init());
  ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
  ScriptedVcpu& cpu = machine.cpu();
  EXPECT_EQ(cpu.Get(Register::kCs), 0x61u);
  EXPECT_EQ(cpu.Get(Register::kDs), 0x69u);
  EXPECT_EQ(cpu.Get(Register::kEs), 0x69u);
  EXPECT_EQ(cpu.Get(Register::kSs), 0x69u);
  EXPECT_EQ(cpu.Get(Register::kFs), 0u);
  EXPECT_EQ(cpu.Get(Register::kGs), 0u);
  EXPECT_EQ(cpu.Get(Register::kEsi), 0u);
  EXPECT_EQ(cpu.Get(Register::kEflags), 0x202u);
  EXPECT_EQ(cpu.Get(Register::kEip), 0xc0010000u);
  EXPECT_EQ(cpu.page_offset(), Script::kPageOffset);
}

TEST(OwnerTest, OtherThreadsMayOnlyBreakOutAndResume) {
  ScriptedMachine machine(Script().Init());
  ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
  SoftwareHost& host = machine.host();
  EXPECT_TRUE(absl::IsPermissionDenied(OnOtherThread([&] { return host.Run().status(); })));
  EXPECT_TRUE(
      absl::IsPermissionDenied(OnOtherThread([&] { return host.GetDma(DmaKey(0)).status(); })));
  EXPECT_TRUE(absl::IsPermissionDenied(OnOtherThread([&] { return host.RaiseInterrupt(0); })));
  EXPECT_TRUE(OnOtherThread([&] { return host.Resume(); }).ok());
}

TEST(GetDmaTest, ReturnsBufferAndInterrupt) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Dma(kFree, {{0x6000, 64}})
                              .Bind(DmaKey(0), GuestPhys(kFree), 1, 3)
                              .Send(DmaKey(0), GuestPhys(kFree)));
  machine.Run();
  const absl::StatusOr<BoundDma> buffer = machine.host().GetDma(DmaKey(0));
  ASSERT_TRUE(buffer.ok());
  EXPECT_EQ(buffer->dma, GuestPhys(kFree));
  EXPECT_EQ(buffer->irq, 3u);
  EXPECT_TRUE(absl::IsNotFound(machine.host().GetDma(DmaKey(8)).status()));
}

TEST(GetDmaTest, BadArrayKillsTheGuest) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Bind(DmaKey(0), GuestPhys(0xfffff000), 1, 3)
                              .Send(DmaKey(0), GuestPhys(kFree)));
  machine.Run();
  EXPECT_TRUE(absl::IsNotFound(machine.host().GetDma(DmaKey(0)).status()));
  EXPECT_EQ(machine.Death(), "bad read address 0xfffff000 len 100");
}

// Two buffers at key 0, both in use.
Script BoundButFull() {
  return Script()
      .Init()
      .Dma(kFree, {{0x6000, 64}}, 1)
      .Dma(kFree + 100, {{0x6000, 64}}, 2)
      .Bind(DmaKey(0), GuestPhys(kFree), 2, 3)
      .Send(DmaKey(0), GuestPhys(kFree));
}

TEST(GetDmaTest, BuffersInUseAreNotReturned) {
  ScriptedMachine machine(BoundButFull());
  machine.Run();
  EXPECT_TRUE(absl::IsNotFound(machine.host().GetDma(DmaKey(0)).status()));
  EXPECT_EQ(machine.memory().Read<uint32_t>(GuestPhys(kFree + 100)).value(), 2u);
}

TEST(QuirksTest, GetDmaOverwritesLastBufferInUse) {
  ScriptedMachine machine(BoundButFull(), ScriptedMachine::kMemorySize, Quirks::kLinux2623);
  machine.Run();
  EXPECT_EQ(machine.host().GetDma(DmaKey(0))->dma, GuestPhys(kFree + 100));
  EXPECT_EQ(machine.memory().Read<uint32_t>(GuestPhys(kFree)).value(), 1u);
  EXPECT_EQ(machine.memory().Read<uint32_t>(GuestPhys(kFree + 100)).value(), 3u);
}

TEST(QuirksTest, GetDmaWithBadKeyKillsTheGuest) {
  for (const uint32_t key : {2u, ScriptedMachine::kMemorySize}) {
    for (const Quirks quirks : {Quirks::kNone, Quirks::kLinux2623}) {
      ScriptedMachine machine(Script().Init().Send(DmaKey(0), GuestPhys(0)).Crash("x"),
                              ScriptedMachine::kMemorySize, quirks);
      machine.Run();
      EXPECT_TRUE(absl::IsNotFound(machine.host().GetDma(DmaKey(key)).status()));
      EXPECT_EQ(machine.Death(),
                quirks == Quirks::kNone ? "CRASH: x" : "bad registered DMA buffer");
    }
  }
}

// hypercalls_test.cc has similar scripts without quirks.
TEST(QuirksTest, RangeThatEndsAtTheTopIsRejected) {
  constexpr uint32_t kTop = ScriptedMachine::kMemorySize;
  const auto death = [](const Script& script) {
    return ScriptedMachine(script, kTop, Quirks::kLinux2623).Death();
  };
  EXPECT_EQ(death(Script().Call(Hypercall::kLguestInit, kTop - 1128)), "bad guest page 0000fb98");
  EXPECT_EQ(death(Script().Init().Call(Hypercall::kCrash, kTop - 128)),
            "bad read address 0xff80 len 128");
  EXPECT_EQ(death(Script().Init().Call(Hypercall::kLoadGdt, kTop - 16, 2)),
            "bad read address 0xfff0 len 16");
  EXPECT_EQ(death(Script().Init().Call(Hypercall::kLoadTls, kTop - 24)),
            "bad read address 0xffe8 len 24");
  EXPECT_EQ(death(Script()
                      .Init()
                      .SetRegister(static_cast<uint32_t>(Register::kEsp), 0xc0000000 + kTop)
                      .Call(Hypercall::kSetClockevent, 100)
                      .Wait(0)),
            "bad write address 0xfff4");
}

TEST(RaiseInterruptTest, DeliveredAtNextRun) {
  ScriptedMachine machine(Script().Init().Send(DmaKey(0), GuestPhys(0)).Wait(5).Crash("got it"));
  machine.Run();
  ASSERT_TRUE(machine.host().RaiseInterrupt(5).ok());
  EXPECT_EQ(machine.Death(), "CRASH: got it");
}

TEST(RaiseInterruptTest, NumberMustBeBelow32) {
  ScriptedMachine machine(Script().Init());
  ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
  EXPECT_TRUE(machine.host().RaiseInterrupt(31).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(machine.host().RaiseInterrupt(32)));
}

TEST(ClockEventTest, WakesHaltedGuest) {
  ScriptedMachine machine(
      Script().Init().Call(Hypercall::kSetClockevent, 5000).Wait(0).Crash("tick"));
  const Nanos start = machine.clock().Now();
  EXPECT_EQ(machine.Death(), "CRASH: tick");
  EXPECT_EQ(machine.clock().Now() - start, 5000);
}

TEST(ClockEventTest, MinimumIs100Nanoseconds) {
  ScriptedMachine machine(Script().Init().Call(Hypercall::kSetClockevent, 1).Wait(0).Crash("tick"));
  const Nanos start = machine.clock().Now();
  machine.Death();
  EXPECT_EQ(machine.clock().Now() - start, 100);
}

TEST(ClockEventTest, InterruptsRunningGuest) {
  ScriptedMachine machine(
      Script().Init().Call(Hypercall::kSetClockevent, 5000).Spin(0).Crash("tick"));
  ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
  std::future<void> time = std::async(std::launch::async, [&] {
    while (!machine.clock().alarm().has_value()) std::this_thread::yield();
    machine.clock().Advance(5000);
  });
  EXPECT_EQ(std::get<Died>(machine.host().Run().value()).reason, "CRASH: tick");
  time.get();
}

TEST(ClockEventTest, ZeroTurnsTimerOff) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Call(Hypercall::kSetClockevent, 5000)
                              .Call(Hypercall::kSetClockevent, 0)
                              .Send(DmaKey(0), GuestPhys(0))
                              .Call(Hypercall::kFlushAsync)
                              .Send(DmaKey(0), GuestPhys(0)));
  machine.Run();
  machine.clock().Advance(10000);
  machine.Run();
  EXPECT_FALSE(machine.clock().alarm().has_value());
}

// The store that unblocks an interrupt causes no exit, so the host must retry the delivery.
TEST(ClockEventTest, BlockedInterruptIsRetried) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Put32(Script::kData.value() + 4, 1)  // block the timer
                              .Call(Hypercall::kSetClockevent, 5000)
                              .Send(DmaKey(0), GuestPhys(0))
                              .Call(Hypercall::kFlushAsync)
                              .Put32(Script::kData.value() + 4, 0)
                              .Spin(0)
                              .Crash("tick"));
  machine.Run();
  machine.clock().Advance(5000);
  std::atomic<bool> is_over = false;
  std::future<void> time = std::async(std::launch::async, [&] {
    while (!is_over) {
      machine.clock().Advance(1'000'000);
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(machine.Death(), "CRASH: tick");
  is_over = true;
  time.get();
}

TEST(BreakOutTest, StopsRunningGuestAndBlocksUntilResume) {
  ScriptedMachine machine(Script().Init().Spin(9).Crash("x"));
  ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
  std::future<absl::Status> breaker =
      std::async(std::launch::async, [&] { return machine.host().BreakOut(); });
  EXPECT_TRUE(std::holds_alternative<BrokenOut>(machine.host().Run().value()));
  EXPECT_TRUE(std::holds_alternative<BrokenOut>(machine.host().Run().value())) << "before Resume()";
  ASSERT_TRUE(machine.host().Resume().ok());
  EXPECT_TRUE(breaker.get().ok());
  ASSERT_TRUE(machine.host().RaiseInterrupt(9).ok());
  EXPECT_EQ(std::get<Died>(machine.host().Run().value()).reason, "CRASH: x");
}

TEST(BreakOutTest, StopsHaltedGuest) {
  ScriptedMachine machine(Script().Init().Wait(9).Crash("x"));
  ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
  std::future<absl::Status> breaker =
      std::async(std::launch::async, [&] { return machine.host().BreakOut(); });
  EXPECT_TRUE(std::holds_alternative<BrokenOut>(machine.host().Run().value()));
  ASSERT_TRUE(machine.host().RaiseInterrupt(9).ok());
  ASSERT_TRUE(machine.host().Resume().ok());
  EXPECT_TRUE(breaker.get().ok());
  EXPECT_EQ(std::get<Died>(machine.host().Run().value()).reason, "CRASH: x");
}

TEST(BreakOutTest, OneResumeReleasesAllThreads) {
  ScriptedMachine machine(Script().Init().Wait(9));
  ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
  std::vector<std::future<absl::Status>> breakers(4);
  for (std::future<absl::Status>& breaker : breakers) {
    breaker = std::async(std::launch::async, [&] { return machine.host().BreakOut(); });
  }
  std::atomic<bool> all_released = false;
  std::future<absl::Status> last = std::async(std::launch::async, [&] {
    for (std::future<absl::Status>& breaker : breakers) EXPECT_TRUE(breaker.get().ok());
    all_released = true;
    return machine.host().BreakOut();
  });
  bool was_last = false;
  while (!was_last) {  // a thread that calls BreakOut() after Resume() starts another break-out
    EXPECT_TRUE(std::holds_alternative<BrokenOut>(machine.host().Run().value()));
    was_last = all_released;
    EXPECT_TRUE(machine.host().Resume().ok());
  }
  EXPECT_TRUE(last.get().ok());
}

TEST(DeathTest, RunReturnsReasonAndOtherCallsFail) {
  ScriptedMachine machine(Script().Init().Crash("x"));
  EXPECT_EQ(machine.Death(), "CRASH: x");
  EXPECT_EQ(machine.Death(), "CRASH: x");
  EXPECT_TRUE(absl::IsNotFound(machine.host().GetDma(DmaKey(0)).status()));
  EXPECT_TRUE(absl::IsNotFound(machine.host().RaiseInterrupt(0)));
  EXPECT_TRUE(absl::IsNotFound(machine.host().BreakOut()));
  EXPECT_TRUE(absl::IsNotFound(machine.host().Resume()));
  EXPECT_TRUE(absl::IsNotFound(machine.host().Initialize(machine.boot())));
}

TEST(DeathTest, ReleasesThreadsInBreakOut) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Bind(DmaKey(0), GuestPhys(0xfffff000), 1, 1)
                              .Send(DmaKey(0), GuestPhys(0))
                              .Spin(9));
  ASSERT_TRUE(std::holds_alternative<DmaSent>(machine.Run()));  // the buffer is bound now
  std::future<absl::Status> breaker =
      std::async(std::launch::async, [&] { return machine.host().BreakOut(); });
  ASSERT_TRUE(std::holds_alternative<BrokenOut>(machine.host().Run().value()));
  EXPECT_FALSE(machine.host().GetDma(DmaKey(0)).ok());
  EXPECT_TRUE(absl::IsNotFound(breaker.get()));
}

TEST(TrapTest, UnhandledTrapKillsTheGuest) {
  ScriptedMachine machine(Script().Init().SetRegister(8, 0xc0012345).Trap(13, 0x1a));
  EXPECT_EQ(machine.Death(), "unhandled trap 13 at 0xc0012345 (0x1a)");
  ScriptedMachine faulting(Script().Init().SetRegister(8, 0xc0012345).Trap(14, 2, 0xdeadbeef));
  EXPECT_EQ(faulting.Death(), "unhandled trap 14 at 0xc0012345 (0xdeadbeef)");
}

TEST(TrapTest, PageFaultWritesCr2) {
  ScriptedMachine machine(Script().Init().Trap(14, 2, 0xdeadbeef));
  machine.Death();
  EXPECT_EQ(machine.memory().Read<LguestData>(Script::kData).value().cr2, 0xdeadbeefu);
}

TEST(TrapTest, SoftwareInterruptWithoutGateIsGp) {
  ScriptedMachine machine(Script().Init().SetRegister(8, 0xc0012345).SoftwareInterrupt(0x80));
  EXPECT_EQ(machine.Death(), "unhandled trap 13 at 0xc0012343 (0x402)");
}

TEST(TrapTest, HypercallFromUserCodeIsGp) {
  constexpr uint32_t kCsNumber = static_cast<uint32_t>(Register::kCs);
  ScriptedMachine machine(Script()
                              .Init()
                              .SetRegister(kCsNumber, 0x73)
                              .SetRegister(8, 0x08048002)
                              .SoftwareInterrupt(0x1f));
  EXPECT_EQ(machine.Death(), "unhandled trap 13 at 0x8048000 (0xfa)");
}

// The processor raises #NM for each use of the FPU while CR0.TS is set (ABI.md §4.8).
TEST(FpuTrapTest, GuestGetsItOnlyIfItHasSetTs) {
  constexpr uint8_t kNm = 7;
  ScriptedMachine without(Script().Init().Trap(kNm).Crash("x"));
  EXPECT_EQ(without.Death(), "CRASH: x");
  ScriptedMachine with(Script().Init().Call(Hypercall::kTs, 1).Trap(kNm).Crash("x"));
  EXPECT_THAT(with.Death(), ::testing::StartsWith("unhandled trap 7 at "));
}

}  // namespace
}  // namespace lguest::hostsim
