#include "hostsim/kvm/switcher.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "hostsim/i386/descriptor.h"
#include "hostsim/i386/gate.h"
#include "launcher/base/status_macros.h"

extern "C" {
extern std::byte switcher_start[];
extern std::byte switcher_stubs[];
extern std::byte switcher_resume[];
extern std::byte switcher_end[];
}

namespace lguest::hostsim {
namespace {

constexpr uint32_t kStubSize = 16;

// The address of the entry of page `address` in the switcher's page table.
constexpr uint32_t kWritable = 2;
constexpr uint32_t PageTableEntry(uint32_t address) {
  return SWITCHER_PAGE_TABLE + (address - SWITCHER_CODE) / kPageSize * uint32_t{sizeof(uint32_t)};
}

constexpr uint32_t CodePageEntry() { return SWITCHER_CODE | (SWITCHER_ENTRY_FLAGS & ~kWritable); }

// The 32-bit task state segment. Only the fields with names matter here.
struct TaskState {
  uint32_t link;
  uint32_t esp0, ss0;
  uint32_t esp1, ss1;
  std::array<uint32_t, 20> unused;
  uint32_t io_map;
};
constexpr uint32_t kTaskStateSize = 104;
static_assert(sizeof(TaskState) == kTaskStateSize);
static_assert(offsetof(TaskState, esp1) == TSS_ESP1);
static_assert(offsetof(TaskState, ss1) == TSS_SS1);

uint32_t Linear(const std::byte* label) {
  return SWITCHER_CODE + static_cast<uint32_t>(label - switcher_start);
}

// The gate to the switcher's own entry for `vector`. The guest kernel may use `int n` only for
// hypercalls: their gate has DPL 1, all others have DPL 0 (ABI.md §4.1).
uint64_t OwnGate(uint32_t vector) {
  return EncodeGate(Linear(switcher_stubs) + vector * kStubSize, SWITCHER_CODE_SELECTOR,
                    kInterruptGate, vector == kHypercallVector ? 1 : 0);
}

bool IsDirect(const AcceleratedGate& accelerated) {
  return accelerated.entry == AcceleratedGate::Entry::kDirect;
}

uint64_t DirectGate(const Gate& gate) {
  return EncodeGate(gate.handler.value(), kGuestKernelCs, kTrapGate, gate.privilege);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Switcher>> Switcher::Create() {
  void* const memory =
      mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return ErrnoStatus("mapping the switcher's memory");
  return std::unique_ptr<Switcher>(new Switcher(static_cast<std::byte*>(memory)));
}

Switcher::Switcher(std::byte* memory) : memory_(memory) {
  std::memcpy(memory_, switcher_start, static_cast<size_t>(switcher_end - switcher_start));
  At<uint32_t>(PageTableEntry(SWITCHER_CODE)) = CodePageEntry();
  for (const uint32_t page : {SWITCHER_DATA, SWITCHER_PAGE_TABLE}) {
    At<uint32_t>(PageTableEntry(page)) = page | SWITCHER_ENTRY_FLAGS;
  }
  for (uint32_t vector = 0; vector < kExceptionVectors; ++vector) {
    IdtEntry(vector) = OwnGate(vector);
  }

  auto& task_state = At<TaskState>(SWITCHER_TSS);
  task_state.esp0 = SWITCHER_STACK_END;
  task_state.ss0 = SWITCHER_DATA_SELECTOR;
  task_state.ss1 = kGuestKernelDs;
  task_state.io_map = kTaskStateSize << 16;  // beyond the limit: all ports are forbidden
  const std::array<uint64_t, kGdtEntries> none = {};
  SetGdt(none);
}

Switcher::~Switcher() { munmap(memory_, kSize); }

bool Switcher::IsIntact() const {
  const auto code_size = static_cast<size_t>(switcher_end - switcher_start);
  return std::memcmp(memory_, switcher_start, code_size) == 0 &&
         At<uint32_t>(PageTableEntry(SWITCHER_CODE)) == CodePageEntry() &&
         At<uint32_t>(PageTableEntry(SWITCHER_DATA)) == (SWITCHER_DATA | SWITCHER_ENTRY_FLAGS) &&
         Descriptor(SWITCHER_CODE_SELECTOR / 8) == kFlatCode &&
         Descriptor(SWITCHER_DATA_SELECTOR / 8) == kFlatData &&
         At<TaskState>(SWITCHER_TSS).esp0 == SWITCHER_STACK_END &&
         At<TaskState>(SWITCHER_TSS).ss0 == SWITCHER_DATA_SELECTOR;
}

uint32_t Switcher::ResumeAddress() { return Linear(switcher_resume); }

uint64_t& Switcher::IdtEntry(uint32_t vector) const {
  return At<uint64_t>(SWITCHER_IDT + vector * uint32_t{sizeof(uint64_t)});
}

void Switcher::SetGdt(std::span<const uint64_t, kGdtEntries> gdt) {
  auto& table = At<std::array<uint64_t, kGdtEntries>>(SWITCHER_GDT);
  for (size_t i = 0; i < kGdtEntries; ++i) table[i] = SanitizeDescriptor(gdt[i]);
  table[SWITCHER_CODE_SELECTOR / 8] = kFlatCode;
  table[SWITCHER_DATA_SELECTOR / 8] = kFlatData;
}

uint64_t Switcher::Descriptor(uint32_t entry) const {
  return At<std::array<uint64_t, kGdtEntries>>(SWITCHER_GDT)[entry];
}

void Switcher::SetKernelStack(uint16_t ss, uint32_t esp) {
  At<TaskState>(SWITCHER_TSS).ss1 = ss;
  At<TaskState>(SWITCHER_TSS).esp1 = esp;
}

uint16_t Switcher::kernel_ss() const {
  return static_cast<uint16_t>(At<TaskState>(SWITCHER_TSS).ss1);
}

uint32_t Switcher::kernel_esp() const { return At<TaskState>(SWITCHER_TSS).esp1; }

void Switcher::MapLguestData(GuestPhys addr, uint32_t memory_size) {
  const uint32_t page = PageAlignDown(addr.value());
  At<uint32_t>(PageTableEntry(SWITCHER_DATA_WINDOW)) = page | SWITCHER_ENTRY_FLAGS;
  if (memory_size - page > kPageSize) {
    At<uint32_t>(PageTableEntry(SWITCHER_DATA_WINDOW + kPageSize)) =
        (page + kPageSize) | SWITCHER_ENTRY_FLAGS;
  }
  state().lguest_data = SWITCHER_DATA_WINDOW + (addr.value() - page);
}

void Switcher::SetException(uint32_t vector, const AcceleratedGate& accelerated) {
  const bool is_reflected = accelerated.entry == AcceleratedGate::Entry::kReflected;
  IdtEntry(vector) = IsDirect(accelerated) ? DirectGate(accelerated.gate) : OwnGate(vector);
  state().gates[vector] = {.handler = is_reflected ? accelerated.gate.handler.value() : 0,
                           .disables_interrupts = accelerated.gate.disables_interrupts ? 1u : 0u};
}

void Switcher::SetSystemCall(const AcceleratedGate& accelerated) {
  IdtEntry(kSystemCallVector) = IsDirect(accelerated) ? DirectGate(accelerated.gate) : 0;
}

}  // namespace lguest::hostsim
