#include "hostsim/accelerator_sync.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>

#include "hostsim/guest_state.h"
#include "hostsim/hypercall_accelerator.h"
#include "hostsim/hypercalls.h"
#include "hostsim/testing/fake_clock.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kPresentInterruptGate = 0x8e00;
constexpr GuestPhys kData(0x2000);

// Records what the host sets, and returns the state that a test puts there.
class FakeAccelerator final : public HypercallAccelerator {
 public:
  void SetPolicy(const AcceleratorPolicy& new_policy) override {
    has_policy = true;
    policy = new_policy;
  }
  void SetState(const AcceleratorState& new_state, bool new_irq_pending) override {
    state = new_state;
    irq_pending = new_irq_pending;
  }
  std::optional<AcceleratorState> TakeState() override { return state; }

  bool has_policy = false;  // since a test cleared it
  AcceleratorPolicy policy;
  AcceleratorState state;
  bool irq_pending = false;
};

class AcceleratedCpu final : public ScriptedVcpu {
 public:
  AcceleratedCpu(GuestMemory& memory, FakeAccelerator& accelerator)
      : ScriptedVcpu(memory, Script()), accelerator_(accelerator) {}

  HypercallAccelerator* accelerator() override { return &accelerator_; }

 private:
  FakeAccelerator& accelerator_;
};

class AcceleratorSyncTest : public ::testing::Test {
 protected:
  // The state after LGUEST_INIT.
  void Init() { guest_.data = *SharedData::At(*memory_, kData); }

  std::unique_ptr<GuestMemory> memory_ = GuestMemory::Create(16 * kPageSize).value();
  FakeAccelerator accelerator_;
  AcceleratedCpu cpu_{*memory_, accelerator_};
  FakeClock clock_;
  GuestState guest_{*memory_, cpu_, clock_};
};

TEST_F(AcceleratorSyncTest, PolicyFollowsLguestInit) {
  SyncToAccelerator(guest_);
  EXPECT_FALSE(accelerator_.has_policy);
  Init();
  SyncToAccelerator(guest_);
  ASSERT_TRUE(accelerator_.has_policy);
  EXPECT_EQ(accelerator_.policy.lguest_data, kData);
}

TEST_F(AcceleratorSyncTest, PolicyIsSetOnlyWhenItChanged) {
  Init();
  SyncToAccelerator(guest_);
  accelerator_.has_policy = false;
  SyncToAccelerator(guest_);
  EXPECT_FALSE(accelerator_.has_policy);
  guest_.policy_changed = true;
  SyncToAccelerator(guest_);
  EXPECT_TRUE(accelerator_.has_policy);
}

TEST_F(AcceleratorSyncTest, HostEntersHandlersWithAnotherStackSegment) {
  ASSERT_TRUE(guest_.gates.Load(kPageFault, 0, kPresentInterruptGate).ok());
  Init();
  SyncToAccelerator(guest_);
  EXPECT_EQ(accelerator_.policy.exceptions[kPageFault].entry, AcceleratedGate::Entry::kReflected);
  // A hypercall that the CPU served has changed the stack segment.
  accelerator_.state.kernel_ss = 0x79;
  SyncFromAccelerator(guest_);
  EXPECT_EQ(guest_.kernel_ss, 0x79);
  SyncToAccelerator(guest_);
  EXPECT_EQ(accelerator_.policy.exceptions[kPageFault].entry, AcceleratedGate::Entry::kByHost);
}

TEST_F(AcceleratorSyncTest, HostEntersHandlersWithoutValidSegments) {
  ASSERT_TRUE(guest_.gates.Load(kPageFault, 0, kPresentInterruptGate).ok());
  Init();
  constexpr GuestPhys kTable(0x4000);
  for (const uint32_t entry : {kGuestKernelCs >> 3, kGuestKernelDs >> 3}) {
    GuestGdt changed;
    std::array<uint64_t, kGdtEntries> table;
    std::copy(changed.descriptors().begin(), changed.descriptors().end(), table.begin());
    table[entry] = 0;
    ASSERT_TRUE(memory_->WriteBytes(kTable, std::as_bytes(std::span(table))).ok());
    ASSERT_TRUE(guest_.gdt.Load(*memory_, kTable, kGdtEntries).ok());
    guest_.policy_changed = true;
    SyncToAccelerator(guest_);
    EXPECT_EQ(accelerator_.policy.exceptions[kPageFault].entry, AcceleratedGate::Entry::kByHost);
  }
}

TEST_F(AcceleratorSyncTest, HostEntersHandlersAfterItHasSetAnotherStackSegment) {
  ASSERT_TRUE(guest_.gates.Load(kPageFault, 0, kPresentInterruptGate).ok());
  Init();
  SyncToAccelerator(guest_);
  const auto set_stack = [&](uint32_t ss) {
    cpu_.Set(Register::kEax, static_cast<uint32_t>(Hypercall::kSetStack));
    cpu_.Set(Register::kEdx, ss);
    cpu_.Set(Register::kEbx, kPageSize);
    cpu_.Set(Register::kEcx, 1);
    guest_.hypercall_pending = true;
    EXPECT_TRUE(ExecuteHypercalls(guest_).ok());
    SyncToAccelerator(guest_);
    return accelerator_.policy.exceptions[kPageFault].entry;
  };
  EXPECT_EQ(set_stack(0x79), AcceleratedGate::Entry::kByHost);
  EXPECT_EQ(set_stack(kGuestKernelDs), AcceleratedGate::Entry::kReflected);
  accelerator_.has_policy = false;
  EXPECT_EQ(set_stack(kGuestKernelDs), AcceleratedGate::Entry::kReflected);
  EXPECT_FALSE(accelerator_.has_policy) << "nothing has changed";
}

TEST_F(AcceleratorSyncTest, StateReturnsToTheHost) {
  Init();
  guest_.kernel_esp = 1;
  guest_.next_ring_slot = 2;
  SyncToAccelerator(guest_);
  EXPECT_EQ(accelerator_.state.kernel_esp, 1u);
  EXPECT_EQ(accelerator_.state.next_ring_slot, 2u);
  accelerator_.state.kernel_esp = 3;
  accelerator_.state.next_ring_slot = 4;
  accelerator_.state.task_switched = true;
  SyncFromAccelerator(guest_);
  EXPECT_EQ(guest_.kernel_esp, 3u);
  EXPECT_EQ(guest_.next_ring_slot, 4u);
  EXPECT_TRUE(guest_.task_switched);
}

TEST_F(AcceleratorSyncTest, PendingInterruptIsAnnounced) {
  Init();
  SyncToAccelerator(guest_);
  EXPECT_FALSE(accelerator_.irq_pending);
  for (const uint32_t irqs : {1u, 2u, 1u << 31}) {
    guest_.pending_interrupts = irqs;
    SyncToAccelerator(guest_);
    EXPECT_TRUE(accelerator_.irq_pending) << irqs;
  }
}

TEST_F(AcceleratorSyncTest, ReturnedStateIsSanitized) {
  Init();
  SyncToAccelerator(guest_);
  accelerator_.state.next_ring_slot = 0xffffffff;
  accelerator_.state.tls = {0x0000e90000000000, 0x00cf92000000ffff,
                            0};  // a task state; data of ring 0
  SyncFromAccelerator(guest_);
  EXPECT_LT(guest_.next_ring_slot, kHypercallRingSize);
  const auto gdt = guest_.gdt.descriptors();
  EXPECT_EQ(gdt[kTlsFirstEntry], 0u);
  EXPECT_EQ(gdt[kTlsFirstEntry + 1], 0x00cfb3000000ffffu);
}

}  // namespace
}  // namespace lguest::hostsim
