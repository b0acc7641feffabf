// What differs between the generations of lguest guests (VIRTIO_ABI.md §1), as one row of data for
// each.

#ifndef LAUNCHER_GUEST_GUEST_ABI_H_
#define LAUNCHER_GUEST_GUEST_ABI_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace lguest {

// 2.6.31 is {2, 6, 31}, 4.13 is {4, 13, 0}.
struct KernelVersion {
  uint32_t major = 0;
  uint32_t minor = 0;
  uint32_t patch = 0;

  friend constexpr auto operator<=>(const KernelVersion&, const KernelVersion&) = default;

  std::string ToString() const;
};

// What a hypercall does, whatever its number.
enum class HypercallOp : uint8_t {
  kNone,  // the generation has no such number
  kFlushAsync,
  kLguestInit,
  kCrash,
  kShutdown,
  kLoadGdt,
  kLoadGdtEntry,
  kNewPgtable,
  kFlushTlb,
  kLoadIdtEntry,
  kSetStack,
  kTs,
  kSetClockevent,
  kHalt,
  kBindDma,
  kSendDma,
  kSetPte,
  kSetTopEntry,
  kSetMiddleEntry,
  kLoadTls,
  kNotify,
  kSendInterrupts,
};

inline constexpr uint32_t kHypercallNumbers = 20;
inline constexpr uint32_t kHypercallMaxArguments = 4;

// Offsets in lguest_data (ABI.md §1.5, VIRTIO_ABI.md §3) of the fields that have moved; 0: no such
// field. irq_enabled, blocked_interrupts, cr2 and time are in the same place in all generations.
struct LguestDataLayout {
  uint32_t irq_pending = 0;
  uint32_t hcall_status = 0;
  uint32_t hcalls = 0;
  uint32_t ring_entry_size = 0;
  // For each argument, the index of its word in a ring entry. Word 0, the number of the hypercall,
  // stands for an argument that the ring does not have.
  std::array<uint8_t, kHypercallMaxArguments> ring_arguments = {};
  uint32_t reserve_mem = 0;
  uint32_t guestid = 0;
  uint32_t tsc_khz = 0;
  uint32_t pgdir = 0;
  uint32_t noirq_start = 0;
  uint32_t noirq_end = 0;
  uint32_t noirq_iret = 0;
  uint32_t kernel_address = 0;
  uint32_t syscall_vec = 0;
  uint32_t size = 0;
};

// Where a direct hypercall has its arguments, in their order.
enum class ArgumentRegisters : uint8_t { kEdxEbxEcx, kEbxEcxEdxEsi };

enum class DeviceInterface : uint8_t {
  kDma,          // ABI.md §1.7
  kRecords,      // VIRTIO_ABI.md §6.2
  kDescriptors,  // VIRTIO_ABI.md §6.1
  kPci,          // VIRTIO_ABI.md §9
};

// How a guest starts (VIRTIO_ABI.md §2.1, §2.3).
enum class GuestStart : uint8_t {
  kVirtual,           // at a virtual address; page tables map only the linear map
  kPhysical,          // at a physical address; page tables map it, and the linear map
  kPhysicalNoTables,  // at a physical address; there are no page tables before the first
                      // NEW_PGTABLE
};

struct GuestAbi {
  KernelVersion first;  // of the generation
  LguestDataLayout data;
  ArgumentRegisters arguments = ArgumentRegisters::kEdxEbxEcx;
  std::array<HypercallOp, kHypercallNumbers> calls = {};
  DeviceInterface devices = DeviceInterface::kDma;
  GuestStart start = GuestStart::kVirtual;
  bool uses_vmcall = false;               // VIRTIO_ABI.md §4.1
  bool may_use_pae = false;               // VIRTIO_ABI.md §4.4
  bool allows_write_through = false;      // of a page table entry: VIRTIO_ABI.md §4.4
  bool int_uses_interrupt_gates = false;  // VIRTIO_ABI.md §5.4
  uint32_t block_header_size = 0;         // VIRTIO_ABI.md §8.2
  uint32_t net_header_size = 0;           // VIRTIO_ABI.md §8.3

  // True for all generations but that of 2.6.23.
  bool is_virtio() const { return devices != DeviceInterface::kDma; }
};

// The row of 2.6.23.
const GuestAbi& FirstGuestAbi();

// The row for a kernel; nullptr if this version has no lguest.
const GuestAbi* FindGuestAbi(const KernelVersion& version);

}  // namespace lguest

#endif  // LAUNCHER_GUEST_GUEST_ABI_H_
