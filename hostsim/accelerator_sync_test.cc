#include "hostsim/accelerator_sync.h"

#include <gtest/gtest.h>

#include <memory>

#include "hostsim/guest_state.h"
#include "hostsim/hypercall_accelerator.h"
#include "hostsim/testing/fake_clock.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kPresentInterruptGate = 0x8e00;
constexpr uint8_t kPageFault = 14;
constexpr GuestPhys kData(0x2000);

// Remembers what it is told, and tells what the test wants.
class FastCpu final : public ScriptedVcpu {
 public:
  explicit FastCpu(GuestMemory& memory) : ScriptedVcpu(memory, Script()) {}

  bool SetPolicy(const AcceleratorPolicy& new_paths) override {
    is_told = true;
    paths = new_paths;
    return true;
  }
  void HandOver(const AcceleratorState& new_state, bool new_interrupt_waits) override {
    state = new_state;
    interrupt_waits = new_interrupt_waits;
  }
  std::optional<AcceleratorState> TakeBack() override { return state; }

  bool is_told = false;
  AcceleratorPolicy paths;
  AcceleratorState state;
  bool interrupt_waits = false;
};

class AcceleratorSyncTest : public ::testing::Test {
 protected:
  // As LGUEST_INIT leaves a guest.
  void Init() { guest_.data = *SharedData::At(*memory_, kData); }

  std::unique_ptr<GuestMemory> memory_ = GuestMemory::Create(16 * kPageSize).value();
  FastCpu cpu_{*memory_};
  FakeClock clock_;
  GuestState guest_{*memory_, cpu_, clock_};
};

TEST_F(AcceleratorSyncTest, NothingIsAllowedBeforeTheGuestSaysWhereItsDataIs) {
  SyncToAccelerator(guest_);
  EXPECT_FALSE(cpu_.is_told);
  Init();
  SyncToAccelerator(guest_);
  ASSERT_TRUE(cpu_.is_told);
  EXPECT_EQ(cpu_.paths.lguest_data, kData);
}

TEST_F(AcceleratorSyncTest, TheCpuHearsOfChangesOnly) {
  Init();
  SyncToAccelerator(guest_);
  cpu_.is_told = false;
  SyncToAccelerator(guest_);
  EXPECT_FALSE(cpu_.is_told);
  guest_.policy_changed = true;
  SyncToAccelerator(guest_);
  EXPECT_TRUE(cpu_.is_told);
}

TEST_F(AcceleratorSyncTest, HandlersAreTheHostsWhereTheirSegmentsAreNotTheUsualOnes) {
  ASSERT_TRUE(guest_.gates.Load(kPageFault, 0, kPresentInterruptGate).ok());
  Init();
  SyncToAccelerator(guest_);
  EXPECT_EQ(cpu_.paths.exceptions[kPageFault].entry, AcceleratedGate::Entry::kReflected);
  // The guest has changed its stack segment by a hypercall that the CPU has served.
  cpu_.state.kernel_ss = 0x79;
  SyncFromAccelerator(guest_);
  EXPECT_EQ(guest_.kernel_ss, 0x79);
  SyncToAccelerator(guest_);
  EXPECT_EQ(cpu_.paths.exceptions[kPageFault].entry, AcceleratedGate::Entry::kByHost);
}

TEST_F(AcceleratorSyncTest, WhatTheCpuHasDoneIsKnownToTheHost) {
  Init();
  guest_.kernel_esp = 1;
  guest_.next_ring_slot = 2;
  SyncToAccelerator(guest_);
  EXPECT_EQ(cpu_.state.kernel_esp, 1u);
  EXPECT_EQ(cpu_.state.next_ring_slot, 2u);
  cpu_.state.kernel_esp = 3;
  cpu_.state.next_ring_slot = 4;
  cpu_.state.task_switched = true;
  SyncFromAccelerator(guest_);
  EXPECT_EQ(guest_.kernel_esp, 3u);
  EXPECT_EQ(guest_.next_ring_slot, 4u);
  EXPECT_TRUE(guest_.task_switched);
}

TEST_F(AcceleratorSyncTest, TheCpuKnowsWhetherAnInterruptWaits) {
  Init();
  SyncToAccelerator(guest_);
  EXPECT_FALSE(cpu_.interrupt_waits);
  guest_.pending_interrupts = 2;
  SyncToAccelerator(guest_);
  EXPECT_TRUE(cpu_.interrupt_waits);
}

TEST_F(AcceleratorSyncTest, WhatTheGuestMayHaveWrittenIsMadeHarmless) {
  Init();
  SyncToAccelerator(guest_);
  cpu_.state.next_ring_slot = 0xffffffff;
  cpu_.state.tls = {0x0000e90000000000, 0x00cf92000000ffff, 0};  // a task state; data of ring 0
  SyncFromAccelerator(guest_);
  EXPECT_LT(guest_.next_ring_slot, kHypercallRingSize);
  const auto gdt = guest_.segments.descriptors();
  EXPECT_EQ(gdt[kTlsFirstEntry], 0u);
  EXPECT_EQ(gdt[kTlsFirstEntry + 1], 0x00cfb3000000ffffu);
}

}  // namespace
}  // namespace lguest::hostsim
