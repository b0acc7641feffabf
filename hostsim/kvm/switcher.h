// The launcher's view of the switcher (switcher.S) of one virtual machine.

#ifndef HOSTSIM_KVM_SWITCHER_H_
#define HOSTSIM_KVM_SWITCHER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "hostsim/hypercall_accelerator.h"
#include "hostsim/kvm/switcher_layout.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {

// The registers of the stopped guest, in the layout in which the processor and the switcher push
// them.
struct SwitcherFrame {
  uint32_t edi, esi, ebp, unused_esp, ebx, edx, ecx, eax;
  uint32_t vector, error_code;
  uint32_t eip, cs, eflags, esp, ss;
};
static_assert(offsetof(SwitcherFrame, ebx) == FRAME_EBX);
static_assert(offsetof(SwitcherFrame, edx) == FRAME_EDX);
static_assert(offsetof(SwitcherFrame, ecx) == FRAME_ECX);
static_assert(offsetof(SwitcherFrame, eax) == FRAME_EAX);
static_assert(offsetof(SwitcherFrame, vector) == FRAME_VECTOR);
static_assert(offsetof(SwitcherFrame, error_code) == FRAME_ERROR_CODE);
static_assert(offsetof(SwitcherFrame, eip) == FRAME_EIP);
static_assert(offsetof(SwitcherFrame, cs) == FRAME_CS);
static_assert(offsetof(SwitcherFrame, eflags) == FRAME_EFLAGS);
static_assert(offsetof(SwitcherFrame, esp) == FRAME_ESP);
static_assert(offsetof(SwitcherFrame, ss) == FRAME_SS);
static_assert(SWITCHER_FRAME + sizeof(SwitcherFrame) == SWITCHER_STACK_END);

// A handler of the guest that the switcher enters itself.
struct SwitcherGate {
  uint32_t handler;  // 0: none
  uint32_t disables_interrupts;
};
static_assert(sizeof(SwitcherGate) == GATE_SIZE);
static_assert(offsetof(SwitcherGate, handler) == GATE_HANDLER);
static_assert(offsetof(SwitcherGate, disables_interrupts) == GATE_DISABLES_INTERRUPTS);

struct SwitcherState {
  uint32_t lguest_data;  // linear address in SWITCHER_DATA_WINDOW; 0: no hypercall is served
  uint32_t next_ring_slot;
  uint32_t page_offset;
  uint32_t memory_size;
  uint32_t directory;  // CR3
  uint32_t cr0;
  uint32_t cr2;                      // of the last page fault
  uint32_t reload;                   // RELOAD_*: registers to load before the guest resumes
  std::array<uint32_t, 4> segments;  // %ds, %es, %fs, %gs
  std::array<SwitcherGate, kExceptionVectors> gates;
};
static_assert(offsetof(SwitcherState, lguest_data) == STATE_LGUEST_DATA);
static_assert(offsetof(SwitcherState, next_ring_slot) == STATE_NEXT_RING_SLOT);
static_assert(offsetof(SwitcherState, page_offset) == STATE_PAGE_OFFSET);
static_assert(offsetof(SwitcherState, memory_size) == STATE_MEMORY_SIZE);
static_assert(offsetof(SwitcherState, directory) == STATE_DIRECTORY);
static_assert(offsetof(SwitcherState, cr0) == STATE_CR0);
static_assert(offsetof(SwitcherState, cr2) == STATE_CR2);
static_assert(offsetof(SwitcherState, reload) == STATE_RELOAD);
static_assert(offsetof(SwitcherState, segments) == STATE_SEGMENTS);
static_assert(offsetof(SwitcherState, gates) == STATE_GATES);

static_assert(kHypercallVector == HYPERCALL_VECTOR);
static_assert(static_cast<uint32_t>(Hypercall::kLoadTls) == LAST_SERVED_HYPERCALL);
static_assert(kHypercallRingSize == RING_SLOTS);
static_assert(kHypercallDone == HYPERCALL_DONE);
static_assert(kGuestKernelCs == GUEST_KERNEL_CS);
static_assert(kGuestKernelDs == GUEST_KERNEL_DS);

static_assert(offsetof(LguestData, irq_enabled) == LGUEST_DATA_IRQ_ENABLED);
static_assert(offsetof(LguestData, cr2) == LGUEST_DATA_CR2);
static_assert(offsetof(LguestData, hcall_status) == LGUEST_DATA_HCALL_STATUS);
static_assert(offsetof(LguestData, hcalls) == LGUEST_DATA_HCALLS);
static_assert(kHostAreaStart == SWITCHER_CODE);

// The memory of a switcher: code, tables, state and stack. The processor uses it while the guest
// runs, and the guest kernel can write to it. So each value that is read here may be arbitrary.
class Switcher {
 public:
  static constexpr uint32_t kSize = SWITCHER_PAGES * kPageSize;

  // Fails with ResourceExhausted if there is not enough memory.
  static absl::StatusOr<std::unique_ptr<Switcher>> Create();
  ~Switcher();
  Switcher(const Switcher&) = delete;
  Switcher& operator=(const Switcher&) = delete;

  // kSize bytes. The caller must map them at guest-physical address SWITCHER_CODE.
  std::byte* memory() { return memory_; }

  // The last entry of each page directory. It maps the switcher at linear address SWITCHER_CODE.
  static constexpr uint32_t kDirectoryEntry = SWITCHER_PAGE_TABLE | SWITCHER_ENTRY_FLAGS;

  // The linear address at which the switcher resumes a stopped guest.
  static uint32_t ResumeAddress();

  SwitcherFrame& frame() { return At<SwitcherFrame>(SWITCHER_FRAME); }
  const SwitcherFrame& frame() const { return At<const SwitcherFrame>(SWITCHER_FRAME); }
  SwitcherState& state() { return At<SwitcherState>(SWITCHER_STATE); }
  const SwitcherState& state() const { return At<const SwitcherState>(SWITCHER_STATE); }

  // Sets the guest's descriptors, sanitized, except the entries of the switcher (ABI.md §4.4).
  void SetGdt(std::span<const uint64_t, kGdtEntries> gdt);
  uint64_t Descriptor(uint32_t entry) const;

  // The ring-1 stack for entries from ring 3 (ABI.md §4.7).
  void SetKernelStack(uint16_t ss, uint32_t esp);
  uint16_t kernel_ss() const;
  uint32_t kernel_esp() const;

  // Maps lguest_data for the switcher, which serves hypercalls from now on.
  void MapLguestData(GuestPhys addr, uint32_t memory_size);

  // True if all that the processor needs to enter the switcher is as it was made. Otherwise the
  // guest has overwritten it.
  bool IsIntact() const;

  // Set which component enters the guest's handler: the processor, the switcher or the host.
  void SetException(uint32_t vector, const AcceleratedGate& accelerated);
  void SetSystemCall(const AcceleratedGate& accelerated);

 private:
  explicit Switcher(std::byte* memory);

  template <typename T>
  T& At(uint32_t address) const {
    return *reinterpret_cast<T*>(memory_ + (address - SWITCHER_CODE));
  }
  uint64_t& IdtEntry(uint32_t vector) const;

  std::byte* const memory_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_SWITCHER_H_
