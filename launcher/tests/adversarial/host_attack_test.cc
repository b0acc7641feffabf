// Attacks by hypercall: bindings, the ring, keys without a device, interrupts, floods.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "devices/console/console.h"
#include "gtest/gtest.h"
#include "launcher/tests/adversarial/attack.h"
#include "launcher/tests/adversarial/machine.h"

namespace lguest {
namespace {

using hostsim::Script;

constexpr uint32_t kData = Script::kData.value();
constexpr uint32_t kStatus = kData + offsetof(LguestData, hcall_status);
constexpr uint32_t kCalls = kData + offsetof(LguestData, hcalls);
constexpr uint32_t kDma = 0xa000;
constexpr uint32_t kText = 0xb000;

// Binds the console's input buffer at `array`. Input is pending.
void BindConsole(Script& script, uint32_t array, uint32_t count) {
  script.Bind(kConsoleKey, GuestPhys(array), count, kConsoleIrq);
}

const std::vector<Attack>& Bindings() {
  static const auto* const kAttacks = new std::vector<Attack>{
      {"UnbindsTwice",
       [](Script& s) {
         s.Dma(kDma, {{kText, 64}}).Bind(kConsoleKey, GuestPhys(kDma), 1, kConsoleIrq);
         s.ExpectResult(1).Unbind(kConsoleKey, GuestPhys(kDma)).ExpectResult(1);
         s.Unbind(kConsoleKey, GuestPhys(kDma)).ExpectResult(0);
       }},
      {"UnbindsUnboundKey", [](Script& s) { s.Unbind(DmaKey(0), GuestPhys(0)).ExpectResult(0); }},
      {"UnbindsBufferWithPendingInput",
       [](Script& s) {
         s.Dma(kDma, {{kText, 64}});
         BindConsole(s, kDma, 1);
         s.Unbind(kConsoleKey, GuestPhys(kDma)).ExpectResult(1);
       }},
      {"BindsThirtyThreeTimes",
       [](Script& s) {
         for (uint32_t i = 0; i < 33; ++i) {
           s.Bind(DmaKey(kText + 4 * i), GuestPhys(kDma), 1, 1).ExpectResult(i < 32 ? 1 : 0);
         }
         s.Unbind(DmaKey(kText), GuestPhys(kDma)).ExpectResult(1);
       }},
      {"BindsOneKeyRepeatedly",
       [](Script& s) {
         for (uint32_t i = 0; i < 31; ++i) s.Bind(kBlockKey, GuestPhys(kDma + 4 * i), 1, 1);
       }},
      {"BindsToInterrupt32",
       [](Script& s) { s.Bind(kConsoleKey, GuestPhys(kDma), 1, 32).ExpectResult(0); }},
      {"BindsToInterrupt255",
       [](Script& s) { s.Bind(kConsoleKey, GuestPhys(kDma), 1, 255).ExpectResult(0); }},
      {"BindsNothing", [](Script& s) { BindConsole(s, kDma, 0); }},
      {"BindsNothingBeyondMemory", [](Script& s) { BindConsole(s, 0xfffffff0, 0); }},
      {"Binds65535BuffersInUse_B07",
       [](Script& s) {
         RequestBlock(s, 0, 0, 512);
         s.Dma(kDma, {}).Put32(kTop - 100, 1);
         s.Bind(kBlockKey, GuestPhys(kTop - 100), 0xffff, kBlockIrq);
         s.Send(kBlockKey, GuestPhys(kDma));
       },
       "bad read address 0x44000 len 100"},
      {"BindsAnArrayBeyondMemory",
       [](Script& s) {
         BindConsole(s, 0xfffff000, 1);
         s.Wait(kConsoleIrq);
       },
       "bad read address 0xfffff000 len 100"},
      {"BindsAnArrayThatLeavesMemory",
       [](Script& s) {
         BindConsole(s, kTop - 99, 1);
         s.Wait(kConsoleIrq);
       },
       "bad read address 0x43f9d len 100"},
      {"BindsAnUnalignedKey", [](Script& s) { s.Bind(DmaKey(2), GuestPhys(kDma), 1, 1); },
       "bad dma key 0x2"},
      {"BindsAKeyBeyondMemory", [](Script& s) { s.Bind(DmaKey(kTop), GuestPhys(kDma), 1, 1); },
       "bad dma key 0x44000"},
      {"BindsTheLastKeyOf32Bits",
       [](Script& s) { s.Bind(DmaKey(0xfffffffc), GuestPhys(kDma), 1, 1); },
       "bad dma key 0xfffffffc"},
      {"NeverEmptiesItsBuffer_B44",
       [](Script& s) {
         s.Dma(kDma, {{kText, 16}});
         BindConsole(s, kDma, 1);
         s.Wait(kConsoleIrq).Expect(kText, "kkkkkkkkkkkkkkkk");
       }},
      {"BindsIdenticalBuffers",
       [](Script& s) {
         s.Dma(kDma, {{kText, 1}});
         for (int i = 0; i < 8; ++i) BindConsole(s, kDma, 1);
         s.Wait(kConsoleIrq);
       }},
      {"FreesItsBufferRepeatedly_B54",
       [](Script& s) {
         s.Dma(kDma, {{kText, 1}});
         BindConsole(s, kDma, 1);
         for (int i = 0; i < 200; ++i) s.Wait(kConsoleIrq).Put32(kDma, 0);
       }},
      {"FloodOfBindsAndUnbinds",
       [](Script& s) {
         for (int i = 0; i < 1000; ++i) {
           s.Bind(kConsoleKey, GuestPhys(kDma), 1, 1).Unbind(kConsoleKey, GuestPhys(kDma));
         }
         s.ExpectResult(1);
       }},
  };
  return *kAttacks;
}

const std::vector<Attack>& Ring() {
  static const auto* const kAttacks = new std::vector<Attack>{
      {"ClaimsThatTheRingIsFull",
       [](Script& s) {
         s.Put(kStatus, std::string(kHypercallRingSize, '\0')).Call(Hypercall::kFlushAsync);
         s.Expect(kStatus, std::string(kHypercallRingSize, '\xff'));
       }},
      {"HasInvalidStatus",
       [](Script& s) { s.Put(kStatus, "\x7f\x80\xfe").Call(Hypercall::kFlushAsync); }},
      {"SendsFromEveryEntry",
       [](Script& s) {
         s.Put(kText, "ring").Dma(kDma, {{kText, 4}});
         for (uint32_t i = 0; i < kHypercallRingSize; ++i) s.Ring(Hypercall::kSendDma, 0, kDma);
         s.Call(Hypercall::kFlushAsync).Expect(kStatus, std::string(kHypercallRingSize, '\xff'));
       }},
      {"SendsToUnusedKeysFromEveryEntry_B08",
       [](Script& s) {
         for (uint32_t i = 0; i < kHypercallRingSize; ++i) {
           s.Ring(Hypercall::kSendDma, kText + 4 * i, i);
         }
         s.Call(Hypercall::kFlushAsync);
       }},
      {"OverrunsTheRing",
       [](Script& s) {
         for (uint32_t i = 0; i < 3 * kHypercallRingSize; ++i) s.Ring(Hypercall::kFlushTlb, 1);
         s.Call(Hypercall::kFlushAsync);
       }},
      {"CallsNumber99", [](Script& s) { s.Ring(Hypercall(99)).Call(Hypercall::kFlushAsync); },
       "Bad hypercall 99"},
      {"InitializesAgain",
       [](Script& s) { s.Ring(Hypercall::kLguestInit, kData).Call(Hypercall::kFlushAsync); },
       "already have lguest_data"},
      {"CrashesFromTheRing",
       [](Script& s) {
         s.Put(kText, std::string("in the ring\0", 12)).Ring(Hypercall::kCrash, kText);
         s.Call(Hypercall::kFlushAsync);
       },
       "CRASH: in the ring"},
      {"BindsBadKeyInTheRing",
       [](Script& s) { s.Ring(Hypercall::kBindDma, 1, kDma, 0x101).Call(Hypercall::kFlushAsync); },
       "bad dma key 0x1"},
      {"HaltsInTheRing",
       [](Script& s) {
         // Both hypercalls at once, so that the timer does not expire before the halt.
         s.Put32(kCalls, static_cast<uint32_t>(Hypercall::kSetClockevent)).Put32(kCalls + 4, 1000);
         s.Put32(kCalls + 16, static_cast<uint32_t>(Hypercall::kHalt));
         s.Put32(kStatus, 0xffff0000).Call(Hypercall::kFlushAsync);
       }},
  };
  return *kAttacks;
}

const std::vector<Attack>& Keys() {
  static const auto* const kAttacks = new std::vector<Attack>{
      {"UnalignedKey", [](Script& s) { s.Send(DmaKey(1), GuestPhys(kDma)); },
       "bad sending DMA key"},
      {"KeyBeyondMemory", [](Script& s) { s.Send(DmaKey(kTop), GuestPhys(kDma)); },
       "bad sending DMA key"},
      {"LastKeyOf32Bits", [](Script& s) { s.Send(DmaKey(0xfffffffc), GuestPhys(kDma)); },
       "bad sending DMA key"},
      {"UnusedKeys_B08",
       [](Script& s) {
         for (uint32_t i = 1; i < 1000; ++i) s.Send(DmaKey(4 * i), GuestPhys(0xffffff00 + i));
       }},
      {"EveryKeyOfTheDevicePages",
       [](Script& s) {
         s.Dma(kDma, {{kText, 1}});
         for (uint32_t key = kDescriptors; key < kTop; key += 4) {
           if (key % 64 == 0 && DmaKey(key) != kBlockKey) s.Send(DmaKey(key), GuestPhys(kDma));
         }
       }},
  };
  return *kAttacks;
}

const std::vector<Attack>& Processor() {
  static const auto* const kAttacks = new std::vector<Attack>{
      {"CrashTextBeyondMemory", [](Script& s) { s.Call(Hypercall::kCrash, kTop); },
       "bad read address 0x44000 len 128"},
      {"CrashTextWithoutEnd",
       [](Script& s) { s.Put(kText, std::string(200, 'z')).Call(Hypercall::kCrash, kText); },
       "zzzzzzzz"},
      {"StackOfRing0", [](Script& s) { s.Call(Hypercall::kSetStack, 0x68, 0xc0004000, 1); },
       "bad stack segment 104"},
      {"StackOfThreePages", [](Script& s) { s.Call(Hypercall::kSetStack, 0x69, 0xc0004000, 3); },
       "bad stack pages 3"},
      {"GdtOf33Entries", [](Script& s) { s.Call(Hypercall::kLoadGdt, kText, 33); },
       "too many gdt entries 33"},
      {"GdtBeyondMemory", [](Script& s) { s.Call(Hypercall::kLoadGdt, kTop - 8, 2); },
       "bad read address"},
      {"TlsBeyondMemory", [](Script& s) { s.Call(Hypercall::kLoadTls, 0xfffffff8); },
       "bad read address"},
      {"TaskGate", [](Script& s) { s.Call(Hypercall::kLoadIdtEntry, 3, 0, 0x8500); },
       "bad IDT type 5"},
      {"PageDirectoryBeyondMemory", [](Script& s) { s.Call(Hypercall::kNewPgtable, kTop); },
       "bad read address 0x44000"},
      {"HypercallMinus1", [](Script& s) { s.Call(Hypercall(0xffffffff)); }, "Bad hypercall -1"},
      {"Hypercall11", [](Script& s) { s.Call(Hypercall(11)); }, "Bad hypercall 11"},
      {"SystemCallToItself", [](Script& s) { s.SoftwareInterrupt(0x80); },
       "unhandled trap 13 at 0x"},
      {"InterruptOfItsOwnDevice", [](Script& s) { s.SoftwareInterrupt(32 + kConsoleIrq); },
       "unhandled trap 13 at 0x"},
      {"WriteToHostArea", [](Script& s) { s.Trap(14, 2, 0xffc00000); }, "(0xffc00000)"},
      {"PrivilegedHalt", [](Script& s) { s.Trap(13); }, "unhandled trap 13 at 0x"},
      {"FloodOfTimers",
       [](Script& s) {
         for (uint32_t i = 0; i < 1000; ++i) s.Call(Hypercall::kSetClockevent, i % 3);
         s.Call(Hypercall::kSetClockevent, 0);
       }},
      {"InterruptsBlockedAndUnblocked",
       [](Script& s) {
         const uint32_t blocked = kData + offsetof(LguestData, blocked_interrupts);
         s.Dma(kDma, {{kText, 16}}).Put32(blocked, 0xffffffff);
         BindConsole(s, kDma, 1);
         s.Call(Hypercall::kFlushAsync).Put32(blocked, 0).Wait(kConsoleIrq);
       }},
      {"GarbageInSharedData",
       [](Script& s) {
         s.Put(kData + offsetof(LguestData, reserve_mem), std::string(20, '\xee'));
       }},
      {"GarbageInDescriptors",
       [](Script& s) {
         s.Put(kDescriptors, std::string(4096, '\xff')).Send(kConsoleKey, GuestPhys(kDma));
       }},
      {"FloodOfConsoleOutput",
       [](Script& s) {
         s.Put(kText, std::string(4096, 'o')).Dma(kDma, {{kText, 4096}});
         for (int i = 0; i < 500; ++i) s.Send(kConsoleKey, GuestPhys(kDma));
       }},
  };
  return *kAttacks;
}

class BindingAttackTest : public AttackTest {};
class RingAttackTest : public AttackTest {};
class KeyAttackTest : public AttackTest {};
class ProcessorAttackTest : public AttackTest {};

TEST_P(BindingAttackTest, IsSurvived) { Survive(); }
TEST_P(RingAttackTest, IsSurvived) { Survive(); }
TEST_P(KeyAttackTest, IsSurvived) { Survive(); }
TEST_P(ProcessorAttackTest, IsSurvived) { Survive(); }

INSTANTIATE_TEST_SUITE_P(Each, BindingAttackTest, testing::ValuesIn(OnEveryCpu(Bindings())),
                         AttackName);
INSTANTIATE_TEST_SUITE_P(Each, RingAttackTest, testing::ValuesIn(OnEveryCpu(Ring())), AttackName);
INSTANTIATE_TEST_SUITE_P(Each, KeyAttackTest, testing::ValuesIn(OnEveryCpu(Keys())), AttackName);
INSTANTIATE_TEST_SUITE_P(Each, ProcessorAttackTest, testing::ValuesIn(OnEveryCpu(Processor())),
                         AttackName);

}  // namespace
}  // namespace lguest
