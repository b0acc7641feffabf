// When interrupts come, and when they must not (ABI.md §4.14).

#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/memory.h"
#include "testdata/guest/tests.h"
#include "testdata/guest/timer.h"

extern "C" {
void SpinInsideNoIrqWindow(uint32_t rounds);
void SpinOutsideNoIrqWindow(uint32_t rounds);
}

namespace guest {
namespace {

constexpr uint32_t kMillisecond = 1'000'000;
constexpr uint32_t kChunk = 10'000;
constexpr uint32_t kMaxChunks = 400'000;

constexpr uint32_t kMsPerHour = 3600 * 1000;

// By the host's clock at the last interrupt.
uint32_t MillisecondOfHour() {
  return lguest_data.time.sec % 3600 * 1000 + lguest_data.time.nsec / kMillisecond;
}

// Spins with interrupts on until the timer has come once more; how many chunks it took, or
// kMaxChunks.
uint32_t SpinUntilTimer(uint32_t seen) {
  for (uint32_t chunk = 0; chunk < kMaxChunks; ++chunk) {
    if (TimerInterrupts() != seen) return chunk;
    SpinOutsideNoIrqWindow(kChunk);
  }
  return kMaxChunks;
}

// Rounds of spinning that outlast a timer of one millisecond by far.
uint32_t LongEnough() {
  EnableInterrupts();
  const uint32_t before = TimerInterrupts();
  ArmTimer(20 * kMillisecond);
  return SpinUntilTimer(before) * kChunk;
}

// A condition under which no timer interrupt may come for so many rounds, and its end.
TestResult ExpectHeldBack(std::string_view what, void (*begin)(), void (*spin)(uint32_t),
                          void (*end)()) {
  const uint32_t rounds = LongEnough();
  const uint32_t before = TimerInterrupts();
  begin();
  ArmTimer(kMillisecond);
  spin(rounds);
  const uint32_t during = TimerInterrupts();
  end();
  const bool came = SpinUntilTimer(before) < kMaxChunks;
  ArmTimer(0);
  if (during != before) return Fail("interrupted while ", what);
  if (!came) return Fail("never interrupted after ", what);
  return Pass();
}

}  // namespace

TestResult TestTimer() {
  EnableInterrupts();
  const uint32_t before = TimerInterrupts();
  ArmTimer(kMillisecond);
  if (SpinUntilTimer(before) == kMaxChunks) return Fail("the timer never came");
  // It is a one-shot one.
  const uint32_t after = TimerInterrupts();
  SpinOutsideNoIrqWindow(LongEnough());
  if (TimerInterrupts() != after + 1) return Fail("one shot came twice");
  // Called off in time, it does not come.
  const uint32_t rounds = LongEnough();
  ArmTimer(10 * kMillisecond);
  ArmTimer(0);
  const uint32_t off = TimerInterrupts();
  SpinOutsideNoIrqWindow(rounds);
  if (TimerInterrupts() != off) return Fail("it came although called off");
  return Pass();
}

TestResult TestHalt() {
  for (int i = 0; i < 20; ++i) {
    DisableInterrupts();
    const uint32_t before = TimerInterrupts();
    ArmTimer(kMillisecond);
    // Wakes although interrupts are off, and turns them on.
    Halt();
    if (TimerInterrupts() != before + 1) return Fail("woke without the timer");
    if (ReadOnce(lguest_data.irq_enabled) != lguest::kInterruptFlag) {
      return Fail("irq_enabled is ", Hex{lguest_data.irq_enabled}, " after HALT");
    }
  }
  // The host's clock, fresh with each interrupt, moves at the right pace.
  constexpr uint32_t kSleepMs = 100;
  const uint32_t start = MillisecondOfHour();
  SleepMs(kSleepMs);
  const uint32_t took = (MillisecondOfHour() + kMsPerHour - start) % kMsPerHour;
  if (took < kSleepMs || took > 100 * kSleepMs) return Fail(kSleepMs, " ms took ", took, " ms");
  if (lguest_data.time.nsec >= 1000 * kMillisecond) return Fail("nsec ", lguest_data.time.nsec);
  return Pass();
}

TestResult TestBlockedInterrupts() {
  return ExpectHeldBack(
      "blocked", [] { BlockInterrupt(lguest::kTimerIrq); }, SpinOutsideNoIrqWindow,
      [] { UnblockInterrupt(lguest::kTimerIrq); });
}

TestResult TestInterruptFlag() {
  return ExpectHeldBack(
      "irq_enabled is 0", [] { DisableInterrupts(); }, SpinOutsideNoIrqWindow,
      [] { EnableInterrupts(); });
}

TestResult TestNoIrqWindow() {
  // Interrupts are off up to the window, on inside, and off again from its end.
  return ExpectHeldBack(
      "in the no-interrupt window", [] { DisableInterrupts(); }, SpinInsideNoIrqWindow,
      [] { EnableInterrupts(); });
}

TestResult TestAsyncRing() {
  // Done before the next direct hypercall, in order: the second timer replaces the first.
  const uint32_t before = TimerInterrupts();
  EnableInterrupts();
  CallHostLater(Hypercall::kSetClockevent, 3'000'000'000u);
  CallHostLater(Hypercall::kSetClockevent, kMillisecond);
  CallHost(Hypercall::kFlushAsync);
  if (PendingHypercalls() != 0) return Fail("FLUSH_ASYNC left ", PendingHypercalls());
  if (SpinUntilTimer(before) == kMaxChunks) return Fail("a hypercall in the ring had no effect");

  // More than once around the ring, full each time.
  for (uint32_t round = 0; round < 5; ++round) {
    for (uint32_t i = 0; i < lguest::kHypercallRingSize; ++i) {
      CallHostLater(Hypercall::kFlushTlb, i % 2);
    }
    CallHost(Hypercall::kFlushAsync);
    if (PendingHypercalls() != 0) return Fail("round ", round, " left ", PendingHypercalls());
  }

  // A gate that only the ring took away, and gave back.
  CallHostLater(Hypercall::kTs, 1);
  CallHost(Hypercall::kFlushAsync);
  const CaughtTrap trap = CatchTrap([] { asm volatile("fnop"); });
  if (!trap.caught || trap.vector != kFpuNotAvailable) return Fail("TS was not set by the ring");
  return Pass();
}

}  // namespace guest
