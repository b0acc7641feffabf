#include "launcher/guest/guest_abi.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/virtio_abi.h"

namespace lguest {
namespace {

using Op = HypercallOp;
using Calls = std::array<HypercallOp, kHypercallNumbers>;

constexpr KernelVersion kAfterLast = {4, 14, 0};

// The layout of one of the structures of virtio_abi.h, but for fields that only some of them have.
template <typename Data>
constexpr LguestDataLayout CommonLayout() {
  LguestDataLayout layout;
  layout.hcall_status = offsetof(Data, hcall_status);
  layout.hcalls = offsetof(Data, hcalls);
  layout.ring_entry_size = sizeof(typename decltype(Data::hcalls)::value_type);
  layout.reserve_mem = offsetof(Data, reserve_mem);
  layout.tsc_khz = offsetof(Data, tsc_khz);
  layout.size = sizeof(Data);
  return layout;
}

constexpr LguestDataLayout Layout2623() {
  LguestDataLayout layout = CommonLayout<LguestData>();
  layout.ring_arguments = {1, 2, 3, 0};
  layout.guestid = offsetof(LguestData, guestid);
  layout.noirq_start = offsetof(LguestData, noirq_start);
  layout.noirq_end = offsetof(LguestData, noirq_end);
  return layout;
}

template <typename Data>
constexpr LguestDataLayout VirtioLayout() {
  LguestDataLayout layout = CommonLayout<Data>();
  layout.kernel_address = offsetof(Data, kernel_address);
  layout.syscall_vec = offsetof(Data, syscall_vec);
  return layout;
}

constexpr LguestDataLayout Layout2624() {
  LguestDataLayout layout = VirtioLayout<LguestData2624>();
  layout.ring_arguments = {3, 1, 2, 0};
  layout.pgdir = offsetof(LguestData2624, pgdir);
  layout.noirq_start = offsetof(LguestData2624, noirq_start);
  layout.noirq_end = offsetof(LguestData2624, noirq_end);
  return layout;
}

constexpr LguestDataLayout Layout2630() {
  LguestDataLayout layout = Layout2624();
  layout.ring_arguments = {1, 2, 3, 0};
  return layout;
}

constexpr LguestDataLayout Layout2631() {
  LguestDataLayout layout = VirtioLayout<LguestData2631>();
  layout.ring_arguments = {1, 2, 3, 4};
  layout.irq_pending = offsetof(LguestData2631, irq_pending);
  layout.pgdir = offsetof(LguestData2631, pgdir);
  layout.noirq_start = offsetof(LguestData2631, noirq_start);
  layout.noirq_end = offsetof(LguestData2631, noirq_end);
  return layout;
}

constexpr LguestDataLayout Layout31() {
  LguestDataLayout layout = VirtioLayout<LguestData31>();
  layout.ring_arguments = {1, 2, 3, 4};
  layout.irq_pending = offsetof(LguestData31, irq_pending);
  layout.noirq_start = offsetof(LguestData31, noirq_start);
  layout.noirq_end = offsetof(LguestData31, noirq_end);
  return layout;
}

constexpr LguestDataLayout Layout41() {
  LguestDataLayout layout = VirtioLayout<LguestData41>();
  layout.ring_arguments = {1, 2, 3, 4};
  layout.irq_pending = offsetof(LguestData41, irq_pending);
  layout.noirq_iret = offsetof(LguestData41, noirq_iret);
  return layout;
}

// ABI.md §4.1. The comments are the numbers.
constexpr Calls kCalls2623 = {
    Op::kFlushAsync, Op::kLguestInit,    Op::kCrash,        Op::kLoadGdt,      // 0
    Op::kNewPgtable, Op::kFlushTlb,      Op::kLoadIdtEntry, Op::kSetStack,     // 4
    Op::kTs,         Op::kSetClockevent, Op::kHalt,         Op::kNone,         // 8
    Op::kBindDma,    Op::kSendDma,       Op::kSetPte,       Op::kSetTopEntry,  // 12
    Op::kLoadTls,    Op::kNone,          Op::kNone,         Op::kNone,         // 16
};

constexpr Calls With(Calls calls, uint32_t number, HypercallOp op) {
  calls[number] = op;
  return calls;
}

constexpr uint32_t Number(Hypercall call) { return static_cast<uint32_t>(call); }
constexpr uint32_t Number(VirtioHypercall call) { return static_cast<uint32_t>(call); }

// Each row is the one before with what is new (VIRTIO_ABI.md §1).
constexpr GuestAbi Row2623() {
  return {.first = {2, 6, 23}, .data = Layout2623(), .calls = kCalls2623};
}

constexpr GuestAbi Row2624() {
  GuestAbi row = Row2623();
  row.first = {2, 6, 24};
  row.data = Layout2624();
  row.calls = With(row.calls, Number(Hypercall::kBindDma), Op::kNone);
  row.calls = With(row.calls, Number(Hypercall::kSendDma), Op::kNone);
  row.calls = With(row.calls, Number(VirtioHypercall::kNotify), Op::kNotify);
  row.devices = DeviceInterface::kRecords;
  row.start = GuestStart::kPhysical;
  row.block_header_size = sizeof(VirtioBlockHeader2624);
  row.net_header_size = kVirtioNetHeaderSize2624;
  return row;
}

constexpr GuestAbi Row2625() {
  GuestAbi row = Row2624();
  row.first = {2, 6, 25};
  row.calls = With(row.calls, Number(VirtioHypercall::kShutdown), Op::kShutdown);
  row.devices = DeviceInterface::kDescriptors;
  row.allows_write_through = true;
  row.block_header_size = sizeof(VirtioBlockHeader);
  row.net_header_size = kVirtioNetHeaderSize;
  return row;
}

constexpr GuestAbi Row2627() {
  GuestAbi row = Row2625();
  row.first = {2, 6, 27};
  row.int_uses_interrupt_gates = true;
  return row;
}

constexpr GuestAbi Row2630() {
  GuestAbi row = Row2627();
  row.first = {2, 6, 30};
  row.data = Layout2630();
  row.arguments = ArgumentRegisters::kEbxEcxEdxEsi;
  row.calls = With(row.calls, Number(Hypercall::kLoadGdt), Op::kNone);
  row.calls = With(row.calls, Number(VirtioHypercall::kLoadGdtEntry), Op::kLoadGdtEntry);
  row.uses_vmcall = true;
  return row;
}

constexpr GuestAbi Row2631() {
  GuestAbi row = Row2630();
  row.first = {2, 6, 31};
  row.data = Layout2631();
  row.calls = With(row.calls, Number(VirtioHypercall::kSetPmd), Op::kSetMiddleEntry);
  row.calls = With(row.calls, Number(VirtioHypercall::kSendInterrupts), Op::kSendInterrupts);
  row.may_use_pae = true;
  return row;
}

constexpr GuestAbi Row31() {
  GuestAbi row = Row2631();
  row.first = {3, 1, 0};
  row.data = Layout31();
  row.start = GuestStart::kPhysicalNoTables;
  row.uses_vmcall = false;
  return row;
}

constexpr GuestAbi Row40() {
  GuestAbi row = Row31();
  row.first = {4, 0, 0};
  row.calls = With(row.calls, Number(VirtioHypercall::kNotify), Op::kNone);
  row.devices = DeviceInterface::kPci;
  row.net_header_size = kVirtioNetHeaderSizeModern;
  return row;
}

constexpr GuestAbi Row41() {
  GuestAbi row = Row40();
  row.first = {4, 1, 0};
  row.data = Layout41();
  return row;
}

constexpr GuestAbi Row412() {
  GuestAbi row = Row41();
  row.first = {4, 12, 0};
  row.calls = With(row.calls, Number(Hypercall::kTs), Op::kNone);
  return row;
}

constexpr GuestAbi kRows[] = {
    Row2623(), Row2624(), Row2625(), Row2627(), Row2630(),
    Row2631(), Row31(),   Row40(),   Row41(),   Row412(),
};

}  // namespace

std::string KernelVersion::ToString() const {
  const std::string two = absl::StrCat(major, ".", minor);
  return patch == 0 ? two : absl::StrCat(two, ".", patch);
}

const GuestAbi& FirstGuestAbi() { return kRows[0]; }

const GuestAbi* FindGuestAbi(const KernelVersion& version) {
  if (version >= kAfterLast) return nullptr;
  const auto* const after =
      std::upper_bound(std::begin(kRows), std::end(kRows), version,
                       [](const KernelVersion& v, const GuestAbi& row) { return v < row.first; });
  return after == std::begin(kRows) ? nullptr : after - 1;
}

}  // namespace lguest
