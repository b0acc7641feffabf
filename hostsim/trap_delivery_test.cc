// Tests of the delivery of traps and interrupts (ABI.md §4.14, §4.15).

#include "hostsim/trap_delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <string>

#include "hostsim/testing/scripted_machine.h"

namespace lguest::hostsim {
namespace {

using ::testing::ElementsAre;

constexpr uint32_t kUserCs = 0x73;
constexpr uint32_t kUserSs = 0x7b;
constexpr uint32_t kHandler = 0xc0040000;
constexpr uint32_t kStack = 0x4000;  // guest-physical, grows down
constexpr uint32_t kTrapGateFlags = 0x8f00;
constexpr uint32_t kInterruptGateFlags = 0x8e00;

// The state of a guest without a host. The tests call DeliverTrap() directly.
class TrapDeliveryTest : public ::testing::Test {
 protected:
  TrapDeliveryTest()
      : memory_(GuestMemory::Create(ScriptedMachine::kMemorySize).value()),
        cpu_(*memory_, Script()),
        guest_(*memory_, cpu_, clock_),
        data_(SharedData::At(*memory_, Script::kData).value()) {
    guest_.page_offset = Script::kPageOffset;
    guest_.data = data_;
    data_.set_irq_enabled(kInterruptFlag);
    guest_.kernel_esp = Script::kPageOffset + kStack;
    cpu_.Set(Register::kEsp, Script::kPageOffset + kStack - 0x100);
    cpu_.Set(Register::kSs, kGuestKernelDs);
    cpu_.Set(Register::kCs, kGuestKernelCs);
    cpu_.Set(Register::kEip, 0xc0012345);
    cpu_.Set(Register::kEflags, 0x246);
  }

  void SetGate(uint32_t vector, uint32_t flags) {
    ASSERT_TRUE(guest_.gates.Load(vector, kHandler & 0xffff, (kHandler & 0xffff0000) | flags).ok());
  }

  void EnterUserMode() {
    cpu_.Set(Register::kCs, kUserCs);
    cpu_.Set(Register::kSs, kUserSs);
    cpu_.Set(Register::kEip, 0x08048000);
    cpu_.Set(Register::kEsp, 0xbffff000);
  }

  template <size_t kWords>
  std::array<uint32_t, kWords> Stack() {
    return memory_->Read<std::array<uint32_t, kWords>>(guest_.KernelPhys(cpu_.Get(Register::kEsp)))
        .value();
  }

  std::unique_ptr<GuestMemory> memory_;
  ScriptedVcpu cpu_;
  FakeClock clock_;
  GuestState guest_;
  SharedData data_;
};

TEST_F(TrapDeliveryTest, TrapInKernelPushesThreeWords) {
  SetGate(3, kTrapGateFlags);
  EXPECT_TRUE(DeliverTrap(guest_, 3, 0).value());
  EXPECT_THAT(Stack<3>(), ElementsAre(0xc0012345, kGuestKernelCs, 0x246));
  EXPECT_EQ(cpu_.Get(Register::kEsp), Script::kPageOffset + kStack - 0x100 - 12);
  EXPECT_EQ(cpu_.Get(Register::kEip), kHandler);
}

TEST_F(TrapDeliveryTest, TrapInUserCodePushesFiveWords) {
  SetGate(3, kTrapGateFlags);
  EnterUserMode();
  EXPECT_TRUE(DeliverTrap(guest_, 3, 0).value());
  EXPECT_THAT(Stack<5>(), ElementsAre(0x08048000, kUserCs, 0x246, 0xbffff000, kUserSs));
  EXPECT_EQ(cpu_.Get(Register::kEsp), Script::kPageOffset + kStack - 20);
  EXPECT_EQ(cpu_.Get(Register::kCs), kGuestKernelCs);
  EXPECT_EQ(cpu_.Get(Register::kSs), kGuestKernelDs);
}

TEST_F(TrapDeliveryTest, OnlySomeVectorsPushAnErrorCode) {
  for (uint32_t vector = 0; vector < 31; ++vector) {
    SetGate(vector, kTrapGateFlags);
    if (!guest_.gates.Find(vector).present) continue;
    const uint32_t esp = cpu_.Get(Register::kEsp);
    EXPECT_TRUE(DeliverTrap(guest_, vector, 0xabcd).value());
    const bool pushes = (vector >= 10 && vector <= 14) || vector == 17;
    EXPECT_EQ(esp - cpu_.Get(Register::kEsp), pushes ? 16u : 12u) << vector;
    if (pushes) {
      EXPECT_EQ(Stack<1>()[0], 0xabcdu) << vector;
    }
  }
}

TEST_F(TrapDeliveryTest, OnlyInterruptGateDisablesInterrupts) {
  SetGate(3, kTrapGateFlags);
  SetGate(4, kInterruptGateFlags);
  EXPECT_TRUE(DeliverTrap(guest_, 3, 0).value());
  EXPECT_EQ(data_.irq_enabled(), kInterruptFlag);
  EXPECT_TRUE(DeliverTrap(guest_, 4, 0).value());
  EXPECT_EQ(data_.irq_enabled(), 0u);
}

TEST_F(TrapDeliveryTest, PushedIfIsThatOfIrqEnabled) {
  SetGate(3, kTrapGateFlags);
  data_.set_irq_enabled(0);
  EXPECT_TRUE(DeliverTrap(guest_, 3, 0).value());
  EXPECT_EQ(Stack<3>()[2], 0x46u);
}

TEST_F(TrapDeliveryTest, TrapFlagIsPushedAndCleared) {
  SetGate(1, kTrapGateFlags);
  cpu_.Set(Register::kEflags, 0x346);
  EXPECT_TRUE(DeliverTrap(guest_, 1, 0).value());
  EXPECT_EQ(Stack<3>()[2], 0x346u) << "iret resumes single-stepping";
  EXPECT_EQ(cpu_.Get(Register::kEflags), 0x246u);
}

TEST_F(TrapDeliveryTest, VectorWithoutGateIsNotDelivered) {
  EXPECT_FALSE(DeliverTrap(guest_, 3, 0).value());
  EXPECT_FALSE(DeliverTrap(guest_, 255, 0).value());
  EXPECT_EQ(cpu_.Get(Register::kEip), 0xc0012345u);
}

TEST_F(TrapDeliveryTest, StackOutsideMemoryKillsTheGuest) {
  SetGate(3, kTrapGateFlags);
  cpu_.Set(Register::kEsp, 0xdeadbeef);
  EXPECT_EQ(DeliverTrap(guest_, 3, 0).status().message(), "bad write address 0x1eadbee3 len 12");
  cpu_.Set(Register::kEsp, Script::kPageOffset + 8);  // the frame would wrap below 0
  EXPECT_FALSE(DeliverTrap(guest_, 3, 0).ok());
}

TEST_F(TrapDeliveryTest, InvalidStackSegmentKillsTheGuest) {
  SetGate(3, kTrapGateFlags);
  EnterUserMode();
  guest_.kernel_ss = 0x1;  // the null descriptor, with DPL 0
  EXPECT_EQ(DeliverTrap(guest_, 3, 0).status().message(), "bad stack segment 1");
  guest_.kernel_ss = kGuestKernelCs;  // code
  EXPECT_EQ(DeliverTrap(guest_, 3, 0).status().message(), "bad stack segment 97");
}

class InterruptTest : public TrapDeliveryTest {
 protected:
  InterruptTest() {
    for (uint32_t irq = 0; irq < kInterrupts; ++irq) {
      SetGate(kFirstIrqVector + irq, kInterruptGateFlags);
    }
  }

  bool Delivers() {
    EXPECT_TRUE(DeliverInterrupt(guest_).ok());
    return cpu_.Get(Register::kEip) == kHandler;
  }
};

TEST_F(InterruptTest, DeliveredOnceAndUpdatesTime) {
  guest_.pending_interrupts = 1u << 5;
  EXPECT_TRUE(Delivers());
  EXPECT_EQ(guest_.pending_interrupts, 0u);
  EXPECT_EQ(memory_->Read<LguestData>(Script::kData).value().time.sec, 1u);
}

TEST_F(InterruptTest, LowestNumberIsDeliveredFirst) {
  guest_.pending_interrupts = 0x80000006;
  EXPECT_TRUE(Delivers());
  EXPECT_EQ(guest_.pending_interrupts, 0x80000004u);
}

TEST_F(InterruptTest, WaitsWhileBlocked) {
  guest_.pending_interrupts = 1;
  ASSERT_TRUE(memory_->Write(GuestPhys(Script::kData.value() + 4), uint32_t{1}).ok());
  EXPECT_FALSE(Delivers());
  EXPECT_EQ(guest_.pending_interrupts, 1u);
}

TEST_F(InterruptTest, WaitsWhileInterruptsAreDisabled) {
  guest_.pending_interrupts = 1;
  data_.set_irq_enabled(0);
  EXPECT_FALSE(Delivers());
}

TEST_F(InterruptTest, WaitsInNoirqRangeWithExclusiveEnd) {
  guest_.pending_interrupts = 1;
  guest_.noirq_start = 0xc0012345;
  guest_.noirq_end = 0xc0012346;
  EXPECT_FALSE(Delivers());
  guest_.noirq_start = 0xc0012340;
  guest_.noirq_end = 0xc0012345;
  EXPECT_TRUE(Delivers());
}

TEST_F(InterruptTest, WakesHaltedGuestWithInterruptsDisabled) {
  guest_.pending_interrupts = 1;
  guest_.halted = true;
  data_.set_irq_enabled(0);
  EXPECT_TRUE(Delivers());
  EXPECT_FALSE(guest_.halted);
  EXPECT_EQ(Stack<3>()[2] & kInterruptFlag, kInterruptFlag) << "the wake-up enables interrupts";
}

TEST_F(InterruptTest, StaysPendingWithoutHandler) {
  guest_.gates = TrapGates();
  guest_.pending_interrupts = 1;
  EXPECT_FALSE(Delivers());
  EXPECT_EQ(guest_.pending_interrupts, 1u);
}

TEST_F(TrapDeliveryTest, BlockedInterruptStaysPendingBesideAnotherOne) {
  SetGate(kFirstIrqVector + 3, kInterruptGateFlags);
  SetGate(kFirstIrqVector, kInterruptGateFlags);
  ASSERT_TRUE(
      memory_
          ->Write<uint32_t>(
              GuestPhys(Script::kData.value() + offsetof(LguestData, blocked_interrupts)), 1u << 0)
          .ok());
  guest_.pending_interrupts = (1u << 0) | (1u << 3);
  ASSERT_TRUE(DeliverInterrupt(guest_).ok());
  EXPECT_EQ(guest_.pending_interrupts, 1u << 0);
}

}  // namespace
}  // namespace lguest::hostsim
