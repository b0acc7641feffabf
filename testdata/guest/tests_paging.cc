// Tests of the kernel's page tables and of changes to them (ABI.md §4.5).

#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/pages.h"
#include "testdata/guest/paging.h"
#include "testdata/guest/tests.h"

namespace guest {
namespace {

constexpr uint32_t kFlags = kPagePresent | kPageWritable | kPageAccessed | kPageDirty;
constexpr uint32_t kFlushAll = 1;
constexpr uint32_t kFlushUser = 0;

// The page that a test remaps, and its address in the linear map.
uint32_t test_page;
volatile uint32_t* Word() { return ToVirt<volatile uint32_t>(test_page); }
uint32_t Address() { return test_page + kPageOffset; }

}  // namespace

TestResult TestPageTables() {
  test_page = AllocatePage();
  const uint32_t other_page = AllocatePage();
  uint32_t* entry = KernelPageTableEntry(Address());
  *Word() = 1;
  *ToVirt<volatile uint32_t>(other_page) = 2;

  SetPageTableEntry(KernelDirectory(), Address(), entry, other_page | kFlags);
  const uint32_t by_set_pte = *Word();

  // Changes the entry without SET_PTE, but with a flush of all entries.
  WriteOnce(*entry, test_page | kFlags);
  CallHost(Hypercall::kFlushTlb, kFlushAll);
  const uint32_t by_flush = *Word();

  SetPageTableEntry(KernelDirectory(), Address(), entry, 0);
  const CaughtTrap trap = CatchTrap([] { *Word() = 3; });
  SetPageTableEntry(KernelDirectory(), Address(), entry, test_page | kFlags);
  const uint32_t restored = *Word();

  ReleasePage(test_page);
  ReleasePage(other_page);
  if (by_set_pte != 2) return Fail("SET_PTE did not change the mapping");
  if (by_flush != 1) return Fail("FLUSH_TLB kept the old mapping");
  if (!trap.caught || trap.vector != kPageFault) return Fail("an unmapped page did not fault");
  if (trap.error != kFaultWrite) return Fail("error code ", Hex{trap.error});
  if (restored != 1) return Fail("the page came back as ", restored);
  return Pass();
}

TestResult TestReadOnlyPage() {
  test_page = AllocatePage();
  uint32_t* entry = KernelPageTableEntry(Address());
  *Word() = 7;
  SetPageTableEntry(KernelDirectory(), Address(), entry, test_page | (kFlags & ~kPageWritable));
  const CaughtTrap trap = CatchTrap([] { *Word() = 8; });
  const uint32_t value = *Word();
  SetPageTableEntry(KernelDirectory(), Address(), entry, test_page | kFlags);
  *Word() = 9;
  const uint32_t written = *Word();
  ReleasePage(test_page);
  if (!trap.caught) return Fail("ring 1 wrote to a read-only page");
  if (trap.vector != kPageFault) return Fail("trap ", trap.vector);
  if (trap.error != (kFaultPresent | kFaultWrite)) return Fail("error code ", Hex{trap.error});
  if (value != 7 || written != 9) return Fail("read ", value, ", then ", written);
  return Pass();
}

// Maps different pages at the same user address in two address spaces.
TestResult TestPageDirectories() {
  constexpr uint32_t kSpaces = 2;
  static AddressSpace spaces[kSpaces];
  auto* word = reinterpret_cast<volatile uint32_t*>(kUserHeap);
  const uint32_t free_before = FreePages();

  for (AddressSpace& space : spaces) space.Create();
  for (uint32_t i = 0; i < kSpaces; ++i) {
    *reinterpret_cast<uint32_t*>(spaces[i].Resolve(kUserHeap, /*write=*/true)) = i + 1;
  }
  uint32_t wrong = 0;
  for (uint32_t round = 0; round < 10; ++round) {
    spaces[round % kSpaces].Activate();
    if (*word != round % kSpaces + 1) ++wrong;
  }

  // The last address space is active: unmap its page, and flush only the user's half.
  AddressSpace& active = spaces[kSpaces - 1];
  const uint32_t value = *active.Entry(kUserHeap);
  WriteOnce(*active.Entry(kUserHeap), 0u);
  CallHost(Hypercall::kFlushTlb, kFlushUser);
  const CaughtTrap trap = CatchTrap([] { *reinterpret_cast<volatile uint32_t*>(kUserHeap) = 1; });
  SetPageTableEntry(active.directory(), kUserHeap, active.Entry(kUserHeap), value);
  const uint32_t restored = *word;

  CallHost(Hypercall::kNewPgtable, KernelDirectory());
  const CaughtTrap gone = CatchTrap([] { *reinterpret_cast<volatile uint32_t*>(kUserHeap) = 1; });
  for (AddressSpace& space : spaces) space.Destroy();
  if (wrong != 0) return Fail(wrong, " of 10 reads went to the wrong address space");
  if (!trap.caught) return Fail("FLUSH_TLB of the user's half kept a mapping");
  if (restored != kSpaces) return Fail("SET_PTE brought back ", restored);
  if (!gone.caught) return Fail("the kernel's page directory maps a user page");
  if (FreePages() != free_before) return Fail(free_before - FreePages(), " pages were lost");
  return Pass();
}

}  // namespace guest
