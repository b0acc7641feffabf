// The switcher serves the most frequent traps inside the virtual machine. The test counts exits.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "hostsim/clock.h"
#include "hostsim/hypercall_accelerator.h"
#include "hostsim/kvm/accelerator_guest_layout.h"
#include "hostsim/kvm/kvm_device.h"
#include "hostsim/kvm/kvm_vcpu.h"
#include "hostsim/software_host.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

extern "C" {
extern std::byte accelerator_guest[];
extern std::byte accelerator_guest_end[];
}

namespace lguest::hostsim {
namespace {

constexpr uint32_t kMemorySize = 64u << 20;
constexpr uint32_t kPresent = 1;
constexpr uint32_t kWritable = 2;
constexpr uint32_t kUser = 4;
constexpr uint32_t kPagesPerTable = 1024;
constexpr uint32_t kHeapTables = 10;

constexpr uint64_t kFlatCode = 0x00cf9b000000ffff;
constexpr uint64_t kFlatData = 0x00cf93000000ffff;
constexpr uint64_t kRing1 = uint64_t{1} << 45;
constexpr uint64_t kRing3 = uint64_t{3} << 45;
constexpr uint64_t kTlsDescriptor = 0x40cff3123456ffff;

class KvmAcceleratorTest : public ::testing::Test {
 protected:
  KvmAcceleratorTest()
      : memory_(GuestMemory::Create(kMemorySize).value()),
        cpu_(KvmVcpu::Create(OpenKvm().value(), *memory_).value()),
        clock_(NewRealClock().value()),
        host_(*memory_, *cpu_, *clock_) {
    for (uint32_t page = 0; page < kMemorySize / kPageSize; ++page) {
      Put(GUEST_KERNEL_TABLES + page * 4, page * kPageSize | kPresent | kWritable);
      if (page % kPagesPerTable != 0) continue;
      const uint32_t table = page / kPagesPerTable;
      Put(GUEST_DIRECTORY + (GUEST_PAGE_OFFSET >> 22) * 4 + table * 4,
          (GUEST_KERNEL_TABLES + table * kPageSize) | kPresent | kWritable);
    }
    for (uint32_t table = 0; table < kHeapTables; ++table) {
      Put(GUEST_DIRECTORY + (USER_HEAP >> 22) * 4 + table * 4,
          (GUEST_HEAP_TABLES + table * kPageSize) | kPresent | kWritable | kUser);
    }
    Put(GUEST_DIRECTORY + (USER_CODE >> 22) * 4, GUEST_USER_TABLE | kPresent | kWritable | kUser);
    MapForUser(USER_CODE, GUEST_CODE);
    MapForUser(USER_COUNTERS, GUEST_COUNTERS);
    Put(GUEST_COUNTERS + 12, GUEST_FREE);

    std::array<uint64_t, kGdtEntries> gdt = {};
    gdt[kGuestKernelCs >> 3] = kFlatCode | kRing1;
    gdt[kGuestKernelDs >> 3] = kFlatData | kRing1;
    gdt[USER_CODE_SELECTOR >> 3] = kFlatCode | kRing3;
    gdt[USER_DATA_SELECTOR >> 3] = kFlatData | kRing3;
    PutBytes(GUEST_GDT, std::as_bytes(std::span(gdt)));
    const std::array<uint64_t, kTlsEntries> tls = {0, kTlsDescriptor, 0};
    PutBytes(GUEST_TLS, std::as_bytes(std::span(tls)));
    LguestData data = {};
    data.hcall_status.fill(kHypercallDone);
    PutBytes(GUEST_DATA, std::as_bytes(std::span(&data, 1)));
    PutBytes(GUEST_CODE, std::span(accelerator_guest, accelerator_guest_end));

    const absl::Status started =
        host_.Initialize({.pfn_limit = kMemorySize / kPageSize,
                          .page_directory = GuestPhys(GUEST_DIRECTORY),
                          .entry = GuestVirt(GUEST_CODE + GUEST_PAGE_OFFSET),
                          .page_offset = GUEST_PAGE_OFFSET});
    EXPECT_TRUE(started.ok()) << started;
  }

  void Put(uint32_t addr, uint32_t word) {
    EXPECT_TRUE(memory_->Write(GuestPhys(addr), word).ok());
  }
  void PutBytes(uint32_t addr, std::span<const std::byte> bytes) {
    EXPECT_TRUE(memory_->WriteBytes(GuestPhys(addr), bytes).ok());
  }
  void MapForUser(uint32_t virt, uint32_t page) {
    Put(GUEST_USER_TABLE + (virt >> kPageShift) % kPagesPerTable * 4, page | kPresent | kUser);
  }
  uint32_t Word(uint32_t addr) const { return memory_->Read<uint32_t>(GuestPhys(addr)).value(); }

  AcceleratorState TakeState() {
    return cpu_->accelerator()->TakeState().value_or(AcceleratorState());
  }

  // Runs the guest until its next mark, which must be `mark`. Returns the number of exits from the
  // virtual machine on the way, without the exit of the mark itself.
  uint64_t ExitsUntil(uint32_t mark) {
    const uint64_t before = cpu_->exits();
    while (true) {
      const absl::StatusOr<Exit> exit = host_.Run();
      if (!exit.ok()) {
        ADD_FAILURE() << exit.status();
      } else if (const auto* sent = std::get_if<DmaSent>(&*exit)) {
        EXPECT_EQ(sent->key.value(), 4 * mark);
      } else if (const auto* died = std::get_if<Died>(&*exit)) {
        ADD_FAILURE() << died->reason;
      } else {
        OnBreakOut();
        continue;
      }
      return cpu_->exits() - before - 1;
    }
  }

  void OnBreakOut() {
    EXPECT_TRUE(host_.RaiseInterrupt(DEVICE_IRQ).ok());
    EXPECT_TRUE(host_.Resume().ok());
  }

  const std::unique_ptr<GuestMemory> memory_;
  const std::unique_ptr<KvmVcpu> cpu_;
  const std::unique_ptr<Clock> clock_;
  SoftwareHost host_;
};

TEST_F(KvmAcceleratorTest, FrequentTrapsCauseNoExit) {
  ExitsUntil(MARK_READY);
  EXPECT_EQ(ExitsUntil(MARK_SYSTEM_CALLS_DONE), 0u);

  EXPECT_EQ(ExitsUntil(MARK_PAGES_DONE), 0u);
  EXPECT_EQ(Word(GUEST_COUNTERS + 4), uint32_t{FRESH_PAGES});
  EXPECT_EQ(Word(GUEST_FREE), uint32_t{FRESH_PAGES});
  EXPECT_EQ(Word(GUEST_FREE + (FRESH_PAGES - 1) * kPageSize), 1u);

  EXPECT_EQ(ExitsUntil(MARK_HYPERCALLS_DONE), 0u);
  const AcceleratorState state = TakeState();
  EXPECT_EQ(state.kernel_esp, GUEST_KERNEL_STACK_END + GUEST_PAGE_OFFSET - 64u);
  EXPECT_TRUE(state.task_switched);
  EXPECT_EQ(state.tls[0], 0u);
  EXPECT_EQ(state.tls[1], kTlsDescriptor);

  EXPECT_EQ(ExitsUntil(MARK_FPU_DONE), 0u);
  EXPECT_EQ(Word(GUEST_COUNTERS + 8), uint32_t{ROUNDS});

  // Raises each interrupt after the guest has handled the one before.
  std::thread breaker([this] {
    const std::atomic_ref seen(
        *reinterpret_cast<uint32_t*>(memory_->base() + uint32_t{GUEST_COUNTERS}));
    for (uint32_t i = 0; i < INTERRUPTS; ++i) {
      while (seen.load() < i) std::this_thread::yield();
      EXPECT_TRUE(host_.BreakOut().ok());
    }
  });
  EXPECT_LE(ExitsUntil(MARK_INTERRUPTS_DONE), uint64_t{INTERRUPTS});
  breaker.join();
  EXPECT_EQ(Word(GUEST_COUNTERS), uint32_t{INTERRUPTS});

  EXPECT_EQ(ExitsUntil(MARK_RING_DONE), 0u);
  EXPECT_EQ(TakeState().next_ring_slot, 70u % kHypercallRingSize);
}

TEST_F(KvmAcceleratorTest, SystemCallsGoToTheHostWhileAnInterruptWaits_F35) {
  ExitsUntil(MARK_READY);
  Put(GUEST_DATA, 0);  // interrupts off
  ASSERT_TRUE(host_.RaiseInterrupt(DEVICE_IRQ).ok());
  EXPECT_GE(ExitsUntil(MARK_SYSTEM_CALLS_DONE), uint64_t{ROUNDS});
  EXPECT_EQ(Word(GUEST_COUNTERS), 0u);

  // As soon as interrupts are on, an exit delivers it. Then nothing waits, and nothing exits.
  Put(GUEST_DATA, kInterruptFlag);
  EXPECT_EQ(ExitsUntil(MARK_PAGES_DONE), 0u);
  EXPECT_EQ(Word(GUEST_COUNTERS), 1u);
}

}  // namespace
}  // namespace lguest::hostsim
