#include "testdata/guest/paging.h"

#include <algorithm>

#include "testdata/guest/boot.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/memory.h"
#include "testdata/guest/pages.h"

extern "C" {
extern char kernel_end[];
extern char user_image_start[];
extern char user_image_end[];
}

namespace guest {
namespace {

constexpr uint32_t kEntries = 1024;
constexpr uint32_t kBytesPerTable = kEntries * kPageSize;
constexpr uint32_t kFirstKernelTable = kPageOffset / kBytesPerTable;

// The only bits that the host accepts in a page directory entry (ABI.md §4.5).
constexpr uint32_t kKernelTableFlags = kPagePresent | kPageWritable | kPageAccessed | kPageDirty;
constexpr uint32_t kUserTableFlags = kKernelTableFlags | kPageUser;
constexpr uint32_t kKernelPageFlags = kKernelTableFlags;
constexpr uint32_t kUserPageFlags = kPagePresent | kPageUser | kPageAccessed;

uint32_t kernel_directory;

constexpr uint32_t TableIndex(uint32_t address) { return address / kBytesPerTable; }
constexpr uint32_t EntryIndex(uint32_t address) { return address / kPageSize % kEntries; }

uint32_t* EntryIn(uint32_t directory, uint32_t address) {
  const uint32_t table = ToVirt<uint32_t>(directory)[TableIndex(address)];
  if ((table & kPagePresent) == 0) return nullptr;
  return ToVirt<uint32_t>(PageStart(table)) + EntryIndex(address);
}

uint32_t* MakeEntryIn(uint32_t directory, uint32_t address, uint32_t table_flags) {
  uint32_t& table = ToVirt<uint32_t>(directory)[TableIndex(address)];
  if ((table & kPagePresent) == 0) {
    table = AllocatePage() | table_flags;
    CallHost(Hypercall::kSetPmd, directory, TableIndex(address));
  }
  return ToVirt<uint32_t>(PageStart(table)) + EntryIndex(address);
}

bool IsIn(uint32_t address, uint32_t start, uint32_t bytes) { return address - start < bytes; }

bool IsInImage(uint32_t address) {
  return IsIn(address, kUserImage, static_cast<uint32_t>(user_image_end - user_image_start));
}

}  // namespace

void InitPaging() {
  const BootInfo& boot = GetBootInfo();
  // The boot page tables lie below the initrd or at the top of RAM. They are active until the
  // kernel's own tables replace them.
  const uint32_t top =
      boot.initrd.empty() ? boot.memory_bytes : PageStart(ToPhys(boot.initrd.data()));
  const uint32_t boot_tables = (1 + (boot.memory_bytes + kBytesPerTable - 1) / kBytesPerTable);
  const uint32_t linear_bytes = std::min(boot.memory_bytes, kMaxLinearBytes);
  InitPages(ToPhys(kernel_end), std::min(top - boot_tables * kPageSize, linear_bytes));

  kernel_directory = AllocatePage();
  for (uint32_t page = 0; page < linear_bytes; page += kPageSize) {
    uint32_t& table = ToVirt<uint32_t>(kernel_directory)[TableIndex(page + kPageOffset)];
    if (table == 0) table = AllocatePage() | kKernelTableFlags;
    ToVirt<uint32_t>(PageStart(table))[EntryIndex(page)] = page | kKernelPageFlags;
  }
  CallHost(Hypercall::kNewPgtable, kernel_directory);
}

uint32_t KernelDirectory() { return kernel_directory; }

void MapKernelPage(uint32_t address, uint32_t page) {
  uint32_t* entry = MakeEntryIn(kernel_directory, address, kKernelTableFlags);
  SetPageTableEntry(kernel_directory, address, entry, PageStart(page) | kKernelPageFlags);
}

uint32_t* KernelPageTableEntry(uint32_t address) { return EntryIn(kernel_directory, address); }

void SetPageTableEntry(uint32_t directory, uint32_t address, uint32_t* entry, uint32_t value) {
  WriteOnce(*entry, value);
  CallHost(Hypercall::kSetPte, directory, address, value);
}

void AddressSpace::Create() {
  directory_ = AllocatePage();
  const uint32_t kernel_half = kFirstKernelTable * sizeof(uint32_t);
  memcpy(ToVirt<char>(directory_ + kernel_half), ToVirt<char>(kernel_directory + kernel_half),
         kPageSize - kernel_half);
}

void AddressSpace::Destroy() {
  auto* tables = ToVirt<uint32_t>(directory_);
  for (uint32_t i = 0; i < kFirstKernelTable; ++i) {
    if (tables[i] == 0) continue;
    const uint32_t table = PageStart(tables[i]);
    for (uint32_t entry = 0; entry < kEntries; ++entry) {
      const uint32_t value = ToVirt<uint32_t>(table)[entry];
      if ((value & kPagePresent) != 0) ReleasePage(PageStart(value));
    }
    tables[i] = 0;
    CallHost(Hypercall::kSetPmd, directory_, i);
    ReleasePage(table);
  }
  ReleasePage(directory_);
  directory_ = 0;
}

void AddressSpace::CopyFrom(AddressSpace& parent) {
  Create();
  const auto* tables = ToVirt<uint32_t>(parent.directory_);
  for (uint32_t i = 0; i < kFirstKernelTable; ++i) {
    if (tables[i] == 0) continue;
    for (uint32_t j = 0; j < kEntries; ++j) {
      uint32_t* entry = ToVirt<uint32_t>(PageStart(tables[i])) + j;
      if ((*entry & kPagePresent) == 0) continue;
      const uint32_t address = i * kBytesPerTable + j * kPageSize;
      SharePage(PageStart(*entry));
      const uint32_t read_only = *entry & ~kPageWritable;
      if (*entry != read_only) parent.Set(address, entry, read_only);
      *MakeEntry(address) = read_only;
    }
  }
}

void AddressSpace::Activate() const { CallHost(Hypercall::kNewPgtable, directory_); }

bool AddressSpace::HandleFault(uint32_t address, uint32_t error) {
  const bool in_image = IsInImage(address);
  if (!in_image && !IsIn(address, kUserHeap, kUserHeapBytes) &&
      !IsIn(address, kUserStackTop - kUserStackBytes, kUserStackBytes)) {
    return false;
  }
  const bool write = (error & kFaultWrite) != 0;
  uint32_t* entry = MakeEntry(address);
  const bool present = (*entry & kPagePresent) != 0;
  if (present && (!write || (*entry & kPageWritable) != 0)) return true;  // resolved by now

  // The source of the new page. The user image's pages belong to the kernel; all processes share
  // them, and nobody writes to them.
  uint32_t source = 0;
  if (present) {
    source = PageStart(*entry);
  } else if (in_image) {
    source = ToPhys(user_image_start) + PageStart(address - kUserImage);
  }
  if (source != 0 && (!write || !IsShared(source))) {
    Set(address, entry,
        source | kUserPageFlags | (write ? kPageWritable | kPageDirty : uint32_t{0}));
    return true;
  }
  const uint32_t page = AllocatePage();
  if (source != 0) memcpy(ToVirt<char>(page), ToVirt<char>(source), kPageSize);
  if (present) ReleasePage(source);
  Set(address, entry, page | kUserPageFlags | kPageWritable | kPageDirty);
  return true;
}

char* AddressSpace::Resolve(uint32_t address, bool write) {
  const uint32_t error = kFaultUser | (write ? kFaultWrite : 0);
  if (!HandleFault(address, error)) return nullptr;
  return ToVirt<char>(PageStart(*Entry(address)) | (address % kPageSize));
}

uint32_t* AddressSpace::Entry(uint32_t address) const { return EntryIn(directory_, address); }

uint32_t* AddressSpace::MakeEntry(uint32_t address) {
  return MakeEntryIn(directory_, address, kUserTableFlags);
}

void AddressSpace::Set(uint32_t address, uint32_t* entry, uint32_t value) const {
  SetPageTableEntry(directory_, PageStart(address), entry, value);
}

}  // namespace guest
