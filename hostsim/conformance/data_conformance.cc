// Shared data and interrupts: ABI.md §1.5, §4.13, §4.14.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "hostsim/conformance/conformance.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kData = Script::kData.value();
constexpr uint32_t kIrqEnabled = kData + offsetof(LguestData, irq_enabled);
constexpr uint32_t kBlocked = kData + offsetof(LguestData, blocked_interrupts);
constexpr uint32_t kStatus = kData + offsetof(LguestData, hcall_status);

class SharedData : public ConformanceTest {};
LGUEST_CONFORMANCE_SUITE(SharedData);

TEST_P(SharedData, LguestInitFillsIt) {
  EXPECT_EQ(DeathOf(Script().Init().Crash("x")), "CRASH: x");
  const LguestData data = Data();
  EXPECT_EQ(data.reserve_mem, 4u << 20);
  EXPECT_LT(data.guestid, 16);
  EXPECT_NE(data.time.sec, 0u);
  EXPECT_LT(data.time.nsec, 1'000'000'000u);
}

TEST_P(SharedData, Cr2IsThePageFaultAddress) {
  DeathOf(Script().Init().Trap(14, 0, 0x12345678));
  EXPECT_EQ(Data().cr2, 0x12345678u);
}

TEST_P(SharedData, FinishedHypercallHasStatus0xff) {
  EXPECT_EQ(DeathOf(Script()
                        .Init()
                        .Ring(Hypercall::kFlushTlb, 1)
                        .Call(Hypercall::kFlushAsync)
                        .Expect(kStatus, "\xff")
                        .Crash("x")),
            "CRASH: x");
}

TEST_P(SharedData, RingHas64Entries) {
  Script script;
  script.Init();
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < 50; ++i) script.Ring(Hypercall::kFlushTlb, 1);
    script.Call(Hypercall::kFlushAsync);
  }
  script.Expect(kStatus, std::string(kHypercallRingSize, '\xff'));
  EXPECT_EQ(DeathOf(script.Crash("x")), "CRASH: x");
}

TEST_P(SharedData, RingRunsBeforeDirectCall) {
  EXPECT_EQ(DeathOf(Script()
                        .Init()
                        .Put(kFree, std::string("first\0", 6))
                        .Ring(Hypercall::kCrash, kFree)
                        .Crash("second")),
            "CRASH: first");
}

class Irq : public ConformanceTest {};
LGUEST_CONFORMANCE_SUITE(Irq);

TEST_P(Irq, OnlyMarksPending) {
  Start(Script().Init().Send(DmaKey(0), GuestPhys(kFree)).Wait(5).Crash("got it"));
  Sent();
  EXPECT_TRUE(host().RaiseInterrupt(5).ok());
  EXPECT_TRUE(host().RaiseInterrupt(5).ok()) << "a second raise has no effect";
  EXPECT_EQ(Death(), "CRASH: got it");
}

TEST_P(Irq, NumberAbove31_EINVAL) {
  Start(Script().Init().Crash("x"));
  EXPECT_TRUE(host().RaiseInterrupt(31).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(host().RaiseInterrupt(32)));
  EXPECT_TRUE(absl::IsInvalidArgument(host().RaiseInterrupt(0xffffffff)));
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Irq, WakesHaltedGuestWithInterruptsOff) {
  Start(Script()
            .Init()
            .Put32(kIrqEnabled, 0)
            .Send(DmaKey(0), GuestPhys(kFree))
            .Wait(5)
            .Expect32(kIrqEnabled, kInterruptFlag)
            .Crash("x"));
  Sent();
  EXPECT_TRUE(host().RaiseInterrupt(5).ok());
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Irq, WaitsWhileInterruptsAreOff) {
  Start(Script()
            .Init()
            .Put32(kIrqEnabled, 0)
            .Send(DmaKey(0), GuestPhys(kFree))
            .Call(Hypercall::kFlushAsync)
            .Expect32(kIrqEnabled, 0)
            .Put32(kFree, 1)
            .Put32(kIrqEnabled, kInterruptFlag)
            .Spin(5)
            .Expect32(kFree, 1)
            .Crash("x"));
  Sent();
  EXPECT_TRUE(host().RaiseInterrupt(5).ok());
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Irq, WaitsWhileBlocked) {
  Start(Script()
            .Init()
            .Put32(kBlocked, 1u << 5)
            .Send(DmaKey(0), GuestPhys(kFree))
            .Wait(6)
            .Put32(kBlocked, 0)
            .Wait(5)
            .Crash("x"));
  Sent();
  EXPECT_TRUE(host().RaiseInterrupt(5).ok());
  EXPECT_TRUE(host().RaiseInterrupt(6).ok());
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Irq, DeliveryUpdatesTheTime) {
  Start(Script()
            .Init()
            .Put32(kData + offsetof(LguestData, time), 0)
            .Send(DmaKey(0), GuestPhys(kFree))
            .Wait(5)
            .Crash("x"));
  Sent();
  EXPECT_TRUE(host().RaiseInterrupt(5).ok());
  EXPECT_EQ(Death(), "CRASH: x");
  EXPECT_NE(Data().time.sec, 0u);
}

TEST_P(Irq, Irq0IsTheTimer) {
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kSetClockevent, 1000).Wait(0).Crash("tick")),
            "CRASH: tick");
}

}  // namespace
}  // namespace lguest::hostsim
