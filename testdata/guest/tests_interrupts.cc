// Tests when interrupts are delivered and when they are held back (ABI.md §4.14).

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

// Reads the host's time of the last interrupt.
uint32_t MillisecondOfHour() {
  return lguest_data.time.sec % 3600 * 1000 + lguest_data.time.nsec / kMillisecond;
}

// Spins with interrupts on until the next timer interrupt. Returns the number of chunks, or
// kMaxChunks.
uint32_t SpinUntilTimer(uint32_t seen) {
  for (uint32_t chunk = 0; chunk < kMaxChunks; ++chunk) {
    if (TimerInterrupts() != seen) return chunk;
    SpinOutsideNoIrqWindow(kChunk);
  }
  return kMaxChunks;
}

// Returns a number of spin rounds that take much longer than a timer of one millisecond.
uint32_t LongEnough() {
  EnableInterrupts();
  const uint32_t before = TimerInterrupts();
  ArmTimer(20 * kMillisecond);
  return SpinUntilTimer(before) * kChunk;
}

// Checks that no timer interrupt comes under the condition that `begin` sets up, and that one comes
// after it.
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
  // The timer is one-shot.
  const uint32_t after = TimerInterrupts();
  SpinOutsideNoIrqWindow(LongEnough());
  if (TimerInterrupts() != after + 1) return Fail("a one-shot timer fired twice");
  // A canceled timer does not fire.
  const uint32_t rounds = LongEnough();
  ArmTimer(10 * kMillisecond);
  ArmTimer(0);
  const uint32_t off = TimerInterrupts();
  SpinOutsideNoIrqWindow(rounds);
  if (TimerInterrupts() != off) return Fail("a canceled timer fired");
  return Pass();
}

TestResult TestHalt() {
  for (int i = 0; i < 20; ++i) {
    DisableInterrupts();
    const uint32_t before = TimerInterrupts();
    ArmTimer(kMillisecond);
    // HALT wakes up although interrupts are off, and enables them.
    Halt();
    if (TimerInterrupts() != before + 1) return Fail("woke without the timer");
    if (ReadOnce(lguest_data.irq_enabled) != lguest::kInterruptFlag) {
      return Fail("irq_enabled is ", Hex{lguest_data.irq_enabled}, " after HALT");
    }
  }
  // The host's clock is updated with each interrupt and runs at the right speed.
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
  // Interrupts are off up to the window, on inside of it, and off again after it.
  return ExpectHeldBack(
      "in the no-interrupt window", [] { DisableInterrupts(); }, SpinInsideNoIrqWindow,
      [] { EnableInterrupts(); });
}

TestResult TestAsyncRing() {
  // The host executes ring entries in order before the next direct hypercall: the second timer
  // replaces the first.
  const uint32_t before = TimerInterrupts();
  EnableInterrupts();
  CallHostLater(Hypercall::kSetClockevent, 3'000'000'000u);
  CallHostLater(Hypercall::kSetClockevent, kMillisecond);
  CallHost(Hypercall::kFlushAsync);
  if (PendingHypercalls() != 0) return Fail("FLUSH_ASYNC left ", PendingHypercalls());
  if (SpinUntilTimer(before) == kMaxChunks) return Fail("a hypercall in the ring had no effect");

  // Fills the ring several times.
  for (uint32_t round = 0; round < 5; ++round) {
    for (uint32_t i = 0; i < lguest::kHypercallRingSize; ++i) {
      CallHostLater(Hypercall::kFlushTlb, i % 2);
    }
    CallHost(Hypercall::kFlushAsync);
    if (PendingHypercalls() != 0) return Fail("round ", round, " left ", PendingHypercalls());
  }

  // Only ring entries set TS and clear it again.
  CallHostLater(Hypercall::kTs, 1);
  CallHost(Hypercall::kFlushAsync);
  const CaughtTrap trap = CatchTrap([] { asm volatile("fnop"); });
  if (!trap.caught || trap.vector != kFpuNotAvailable) return Fail("TS was not set by the ring");
  return Pass();
}

}  // namespace guest
