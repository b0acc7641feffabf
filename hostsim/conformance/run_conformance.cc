// read(), and the death of a guest: ABI.md §2.2, §2.7, §4.18.

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "hostsim/conformance/conformance.h"

namespace lguest::hostsim {
namespace {

class Read : public ConformanceTest {};
LGUEST_CONFORMANCE_SUITE(Read);

TEST_P(Read, SendDmaReturnsAddressAndKey) {
  Start(Script().Init().Send(DmaKey(kFree), GuestPhys(0x7654)).Crash("x"));
  const DmaSent sent = Sent();
  EXPECT_EQ(sent.dma, GuestPhys(0x7654));
  EXPECT_EQ(sent.key, DmaKey(kFree));
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Read, SendDmaIsNotChecked) {
  Start(Script()
            .Init()
            .Dma(kFree, {{0xfffff000, 0xffff}})
            .Send(DmaKey(0), GuestPhys(kFree))
            .Send(DmaKey(0), GuestPhys(0xfffffff1))
            .Crash("x"));
  EXPECT_EQ(Sent().dma, GuestPhys(kFree));
  EXPECT_EQ(Sent().dma, GuestPhys(0xfffffff1));
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Read, SendDmaDoesNotSetUsedLen) {
  Start(Script().Init().Dma(kFree, {{kBuffer, 4}}, 77).Send(DmaKey(0), GuestPhys(kFree)));
  EXPECT_EQ(Sent().dma, GuestPhys(kFree));
  EXPECT_EQ(Word(kFree), 77u);
}

TEST_P(Read, SendToUnalignedKeyKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Send(DmaKey(kFree + 2), GuestPhys(kFree))),
            "bad sending DMA key");
}

TEST_P(Read, SendToUnmappedKeyKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Send(DmaKey(kScriptMemorySize), GuestPhys(kFree))),
            "bad sending DMA key");
}

TEST_P(Read, RingPausesAtSendDma) {
  Start(Script()
            .Init()
            .Ring(Hypercall::kSendDma, 0, 0x100)
            .Ring(Hypercall::kSendDma, 0, 0x200)
            .Call(Hypercall::kFlushAsync)
            .Crash("x"));
  EXPECT_EQ(Sent().dma, GuestPhys(0x100));
  EXPECT_EQ(Data().hcall_status[1], kHypercallPending);
  EXPECT_EQ(Sent().dma, GuestPhys(0x200));
  EXPECT_EQ(Death(), "CRASH: x");
}

// A host may or may not return from Run() on a signal. The guest must not notice the signal.
std::atomic<int> signals = 0;

TEST_P(Read, Signal_EINTR) {
  struct sigaction action = {};
  action.sa_handler = [](int) { ++signals; };
  sigaction(SIGUSR1, &action, nullptr);
  Start(Script().Init().Send(DmaKey(0), GuestPhys(0)).Spin(5).Crash("after the signal"));
  Sent();
  signals = 0;
  const pthread_t owner = pthread_self();
  std::thread other([&] {
    pthread_kill(owner, SIGUSR1);
    host().BreakOut().IgnoreError();
  });
  EXPECT_TRUE(std::holds_alternative<BrokenOut>(Run()));
  EXPECT_TRUE(host().RaiseInterrupt(5).ok());
  EXPECT_TRUE(host().Resume().ok());
  other.join();
  EXPECT_GT(signals, 0);
  EXPECT_EQ(Death(), "CRASH: after the signal");
}

class DeadGuest : public ConformanceTest {};
LGUEST_CONFORMANCE_SUITE(DeadGuest);

TEST_P(DeadGuest, EveryReadReturnsTheReason) {
  EXPECT_EQ(DeathOf(Script().Init().Crash("the reason")), "CRASH: the reason");
  EXPECT_EQ(Death(), "CRASH: the reason");
}

TEST_P(DeadGuest, PowerOffIsACrash) {
  EXPECT_EQ(DeathOf(Script().Init().Crash(kPowerOffReason)), "CRASH: Power down");
}

TEST_P(DeadGuest, EveryWrite_ENOENT) {
  EXPECT_EQ(DeathOf(Script().Init().Crash("x")), "CRASH: x");
  EXPECT_TRUE(absl::IsNotFound(host().Initialize(boot())));
  EXPECT_TRUE(absl::IsNotFound(host().GetDma(DmaKey(0)).status()));
  EXPECT_TRUE(absl::IsNotFound(host().RaiseInterrupt(1)));
  EXPECT_TRUE(absl::IsNotFound(host().RaiseInterrupt(32)))
      << "death is checked before the arguments";
  EXPECT_TRUE(absl::IsNotFound(host().BreakOut()));
  EXPECT_TRUE(absl::IsNotFound(host().Resume()));
}

TEST_P(DeadGuest, DeathIsCheckedBeforeOwner_ENOENT) {
  EXPECT_EQ(DeathOf(Script().Init().Crash("x")), "CRASH: x");
  EXPECT_TRUE(absl::IsNotFound(OnAnotherThread([&] { return host().RaiseInterrupt(1); })));
}

TEST_P(DeadGuest, NextReadReportsDeath) {
  Start(Script()
            .Init()
            .Bind(DmaKey(0), GuestPhys(0xfffff000), 1, 3)
            .Send(DmaKey(0), GuestPhys(kFree)));
  Sent();
  EXPECT_FALSE(host().GetDma(DmaKey(0)).ok());
  EXPECT_EQ(Death(), "bad read address 0xfffff000 len 100");
}

TEST_P(DeadGuest, BadHypercalls) {
  EXPECT_EQ(DeathOf(Script().Call(Hypercall::kFlushAsync)), "hypercall 0 before LGUEST_INIT");
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kLguestInit, Script::kData.value())),
            "already have lguest_data");
  EXPECT_EQ(DeathOf(Script().Init().Call(static_cast<Hypercall>(99))), "Bad hypercall 99\n");
}

TEST_P(DeadGuest, UnhandledTrap) {
  EXPECT_TRUE(absl::StartsWith(DeathOf(Script().Init().Trap(13)), "unhandled trap 13 at 0xc00"));
  const std::string fault = DeathOf(Script().Init().Trap(14, 2, 0x8000000));
  EXPECT_TRUE(absl::StartsWith(fault, "unhandled trap 14 at 0xc00"));
  EXPECT_TRUE(absl::EndsWith(fault, " (0x8000000)"));
}

// The bounds check is off by one: ABI.md §2.10.
class TopOfMemory : public ConformanceTest {
 protected:
  static constexpr uint32_t kTop = kScriptMemorySize;
};
LGUEST_CONFORMANCE_SUITE(TopOfMemory);

TEST_P(TopOfMemory, LguestData) {
  EXPECT_EQ(DeathOf(Script().Call(Hypercall::kLguestInit, kTop - uint32_t{sizeof(LguestData)})),
            "bad guest page 0003fb98");
}

TEST_P(TopOfMemory, CrashText) {
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kCrash, kTop - 128)),
            "bad read address 0x3ff80 len 128");
}

TEST_P(TopOfMemory, Gdt) {
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kLoadGdt, kTop - 16, 2)),
            "bad read address 0x3fff0 len 16");
}

TEST_P(TopOfMemory, Tls) {
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kLoadTls, kTop - 24)),
            "bad read address 0x3ffe8 len 24");
}

TEST_P(TopOfMemory, BoundBuffer) {
  Start(Script()
            .Init()
            .Bind(DmaKey(0), GuestPhys(kTop - uint32_t{sizeof(Dma)}), 1, 3)
            .Send(DmaKey(0), GuestPhys(kFree)));
  Sent();
  // The result is ignored: it does not show whether the guest died.
  host().GetDma(DmaKey(0)).status().IgnoreError();
  EXPECT_EQ(Death(), "bad read address 0x3ff9c len 100");
}

TEST_P(TopOfMemory, OneByteBelowIsAccepted) {
  EXPECT_EQ(DeathOf(Script().Init().Put(kTop - 129, "fits").Call(Hypercall::kCrash, kTop - 129)),
            "CRASH: fits");
}

}  // namespace
}  // namespace lguest::hostsim
