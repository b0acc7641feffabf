#include "hostsim/hypercalls.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "hostsim/guest_death.h"
#include "hostsim/i386/constants.h"
#include "hostsim/quirks.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/virtio_abi.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kCrashTextSize = 128;
constexpr uint32_t kMaxStackPages = 2;
constexpr Nanos kMinTimer = 100;

// The result of a hypercall for %eax. A hypercall without a result leaves it empty, and %eax
// unchanged.
using HypercallResult = std::optional<uint32_t>;

using Arguments = std::array<uint32_t, kHypercallMaxArguments>;

absl::Status CheckQuirk(const GuestState& guest, GuestPhys addr, uint32_t len) {
  if (!QuirkRejects(guest.quirks, guest.memory, addr, len)) return absl::OkStatus();
  return GuestDeath("bad read address 0x%x len %u", addr.value(), len);
}

// VIRTIO_ABI.md §3. From here on the page offset is the guest's kernel_address.
absl::Status InitializeKernelAddress(GuestState& guest, const SharedData& data) {
  const uint32_t kernel_address = data.kernel_address();
  if (kernel_address >= kHostAreaStart) {
    return GuestDeath("bad kernel address 0x%x", kernel_address);
  }
  if (const uint32_t vector = data.syscall_vec(); vector != kSystemCallVector) {
    return GuestDeath("bad syscall vector 0x%x", vector);
  }
  guest.page_offset = kernel_address;
  return guest.cpu.SetAddressSpace(guest.address_space());
}

// ABI.md §4.2.
absl::Status Initialize(GuestState& guest, const HypercallRequest& call) {
  if (static_cast<Hypercall>(call.number) != Hypercall::kLguestInit) {
    return GuestDeath("hypercall %u before LGUEST_INIT", call.number);
  }
  const GuestPhys addr(call.arguments[0]);
  const LguestDataLayout& layout = guest.abi->data;
  absl::StatusOr<SharedData> data = SharedData::At(guest.memory, addr, layout);
  if (!data.ok() || QuirkRejects(guest.quirks, guest.memory, addr, layout.size)) {
    return GuestDeath("bad guest page %08x", addr.value());
  }
  guest.data = *data;
  guest.noirq_start = data->noirq_start();
  guest.noirq_end = data->noirq_end();
  guest.noirq_iret = data->noirq_iret();
  if (guest.abi->is_virtio()) RETURN_IF_ERROR(InitializeKernelAddress(guest, *data));
  data->set_reserve_mem(kReservedTop);
  data->set_tsc_khz(guest.tsc_khz);
  data->set_guestid(guest.guest_id);
  data->set_pgdir(guest.cpu.page_directory().value());
  data->set_time(guest.clock.WallTime());
  return absl::OkStatus();
}

// ABI.md §4.3.
absl::Status Crash(const GuestState& guest, GuestPhys text) {
  RETURN_IF_ERROR(CheckQuirk(guest, text, kCrashTextSize));
  std::array<char, kCrashTextSize> reason;
  if (absl::Status read = guest.memory.ReadBytes(text, std::as_writable_bytes(std::span(reason)));
      !read.ok()) {
    return GuestDeath("%s", read.message());
  }
  const auto end = std::find(reason.begin(), reason.end() - 1, '\0');
  return GuestDeath("CRASH: %s", std::string_view(reason.begin(), end));
}

// VIRTIO_ABI.md §4.3.
absl::Status Shutdown(GuestState& guest, GuestPhys text, uint32_t what) {
  if (what != kShutdownRestart) return Crash(guest, text);
  guest.for_launcher = RestartRequested{};
  return absl::OkStatus();
}

// VIRTIO_ABI.md §2.4.
bool IsPaeDirectory(const GuestState& guest, GuestPhys directory) {
  using Entries = std::array<uint64_t, kPaeTopEntries>;
  const GuestPhys root(PaeDirectory(directory));
  const absl::StatusOr<Entries> entries = guest.memory.Read<Entries>(root);
  if (!entries.ok()) return false;
  bool has_table = false;
  for (const uint64_t entry : *entries) {
    if (entry == 0) continue;
    if (entry >> 32 != 0 || (entry & (kPageSize - 1)) != kEntryPresent) return false;
    has_table = true;
  }
  return has_table;
}

// ABI.md §4.5.
absl::Status SwitchPageTable(GuestState& guest, GuestPhys directory) {
  if (!guest.has_switched_tables) {
    guest.has_switched_tables = true;
    const bool is_pae = guest.abi->may_use_pae && IsPaeDirectory(guest, directory);
    const PagingFormat format = is_pae ? PagingFormat::kPae : PagingFormat::kTwoLevel;
    if (format != guest.paging) {
      guest.paging = format;
      RETURN_IF_ERROR(guest.cpu.SetAddressSpace(guest.address_space()));
    }
  }
  const uint32_t size =
      guest.paging == PagingFormat::kPae ? kPaeTopEntries * kPaeEntrySize : kPageSize;
  if (!guest.memory.Contains(directory, size)) {
    return GuestDeath("bad read address 0x%x len %u", directory.value(), size);
  }
  guest.cpu.SetPageDirectory(directory);
  return absl::OkStatus();
}

// ABI.md §4.7.
absl::Status SetStack(GuestState& guest, uint32_t ss, uint32_t esp, uint32_t pages) {
  if ((ss & 3) != 1) return GuestDeath("bad stack segment %u", ss);
  if (pages > kMaxStackPages) return GuestDeath("bad stack pages %u", pages);
  if (ss != guest.kernel_ss) guest.policy_changed = true;
  guest.kernel_ss = static_cast<uint16_t>(ss);
  guest.kernel_esp = esp;
  return absl::OkStatus();
}

// ABI.md §4.11.
absl::Status BindDma(GuestState& guest, const Arguments& arguments, HypercallResult& result) {
  const DmaKey key(arguments[0]);
  const GuestPhys array(arguments[1]);
  const uint32_t irq = arguments[2] & 0xff;
  const uint32_t count = (arguments[2] >> 8) & 0xffff;
  result = 0;
  if (irq >= kInterrupts) return absl::OkStatus();
  if (!guest.IsUsableKey(key)) return GuestDeath("bad dma key 0x%x", key.value());
  const bool done =
      irq == 0 ? guest.bindings.Unbind(key, array) : guest.bindings.Bind(key, array, count, irq);
  result = done ? 1 : 0;
  return absl::OkStatus();
}

// ABI.md §4.12.
absl::Status SendDma(GuestState& guest, DmaKey key, GuestPhys dma) {
  if (!guest.IsUsableKey(key)) return GuestDeath("bad sending DMA key");
  guest.for_launcher = DmaSent{.dma = dma, .key = key};
  return absl::OkStatus();
}

// ABI.md §4.9.
void SetClockEvent(GuestState& guest, uint32_t nanos) {
  if (nanos == 0) {
    guest.timer.reset();
  } else {
    guest.timer = guest.clock.Now() + std::max<Nanos>(nanos, kMinTimer);
  }
}

// ABI.md §4.4.
absl::Status LoadGdt(GuestState& guest, GuestPhys table, uint32_t count) {
  const auto len = static_cast<uint32_t>(std::min(count, kGdtEntries) * sizeof(uint64_t));
  RETURN_IF_ERROR(CheckQuirk(guest, table, len));
  absl::Status loaded = guest.gdt.Load(guest.memory, table, count);
  if (loaded.ok()) guest.cpu.SetGdt(guest.gdt.descriptors());
  guest.policy_changed = true;
  return loaded;
}

// VIRTIO_ABI.md §4.3.
absl::Status LoadGdtEntry(GuestState& guest, const Arguments& arguments) {
  RETURN_IF_ERROR(guest.gdt.LoadEntry(arguments[0], uint64_t{arguments[2]} << 32 | arguments[1]));
  guest.cpu.SetGdt(guest.gdt.descriptors());
  guest.policy_changed = true;
  return absl::OkStatus();
}

// ABI.md §4.4.
absl::Status LoadTls(GuestState& guest, GuestPhys table) {
  constexpr auto kLen = static_cast<uint32_t>(kTlsEntries * sizeof(uint64_t));
  RETURN_IF_ERROR(CheckQuirk(guest, table, kLen));
  absl::Status loaded = guest.gdt.LoadTls(guest.memory, table);
  if (loaded.ok()) guest.cpu.SetGdt(guest.gdt.descriptors());
  return loaded;
}

// ABI.md §4.6.
absl::Status LoadIdtEntry(GuestState& guest, const Arguments& arguments) {
  guest.policy_changed = true;
  return guest.gates.Load(arguments[0], arguments[1], arguments[2]);
}

bool IsOutsideMemory(const GuestState& guest, uint32_t entry) {
  return !guest.memory.Contains(GuestPhys(PageAlignDown(entry)), kPageSize);
}

bool IsDeviceMemory(const GuestState& guest, uint32_t entry) {
  return guest.io != nullptr && guest.io->IsDeviceMemory(GuestPhys(PageAlignDown(entry)));
}

// ABI.md §4.5. Guests keep other data in entries that are not present, so these are not checked.
absl::Status SetPte(GuestState& guest, const Arguments& arguments) {
  const auto [directory, address, entry, upper] = arguments;
  if ((entry & kEntryPresent) != 0) {
    const bool has_bad_upper = guest.paging == PagingFormat::kPae && upper != 0;
    const bool is_outside = IsOutsideMemory(guest, entry) && !IsDeviceMemory(guest, entry);
    const uint32_t bad_flags = guest.address_space().bad_table_entry_flags;
    if ((entry & bad_flags) != 0 || is_outside || has_bad_upper) {
      return GuestDeath("bad page table entry");
    }
  }
  guest.cpu.FlushPage(GuestPhys(directory), GuestVirt(PageAlignDown(address)));
  return absl::OkStatus();
}

// ABI.md §4.5.
absl::Status SetTopEntry(GuestState& guest, GuestPhys directory, uint32_t index) {
  if (guest.paging == PagingFormat::kPae) {
    guest.cpu.FlushTlb();
    return absl::OkStatus();
  }
  if (index >= kHostDirectoryEntry) return absl::OkStatus();
  const uint32_t page = PageAlignDown(directory.value());
  const absl::StatusOr<uint32_t> entry =
      guest.memory.Read<uint32_t>(GuestPhys(page + index * uint32_t{sizeof(uint32_t)}));
  if (entry.ok() && (*entry & kEntryPresent) != 0 &&
      ((*entry & kBadDirectoryEntryFlags) != 0 || IsOutsideMemory(guest, *entry))) {
    return GuestDeath("bad page directory entry");
  }
  guest.cpu.FlushDirectoryEntry(directory, index);
  return absl::OkStatus();
}

// ABI.md §4.1, VIRTIO_ABI.md §4.3.
absl::Status Execute(GuestState& guest, const HypercallRequest& call, HypercallResult& result) {
  const Arguments& arguments = call.arguments;
  const HypercallOp op =
      call.number < kHypercallNumbers ? guest.abi->calls[call.number] : HypercallOp::kNone;
  switch (op) {
    case HypercallOp::kFlushAsync:
    case HypercallOp::kSendInterrupts:
      return absl::OkStatus();
    case HypercallOp::kLguestInit:
      return GuestDeath("already have lguest_data");
    case HypercallOp::kCrash:
      return Crash(guest, GuestPhys(arguments[0]));
    case HypercallOp::kShutdown:
      return Shutdown(guest, GuestPhys(arguments[0]), arguments[1]);
    case HypercallOp::kLoadGdt:
      return LoadGdt(guest, GuestPhys(arguments[0]), arguments[1]);
    case HypercallOp::kLoadGdtEntry:
      return LoadGdtEntry(guest, arguments);
    case HypercallOp::kNewPgtable:
      return SwitchPageTable(guest, GuestPhys(arguments[0]));
    case HypercallOp::kFlushTlb:
      if (arguments[0] != 0) {
        guest.cpu.FlushTlb();
      } else {
        guest.cpu.FlushUserTlb();
      }
      return absl::OkStatus();
    case HypercallOp::kLoadIdtEntry:
      return LoadIdtEntry(guest, arguments);
    case HypercallOp::kSetStack:
      return SetStack(guest, arguments[0], arguments[1], arguments[2]);
    case HypercallOp::kTs:
      guest.task_switched = arguments[0] != 0;
      guest.cpu.SetTaskSwitched(guest.task_switched);
      return absl::OkStatus();
    case HypercallOp::kSetClockevent:
      SetClockEvent(guest, arguments[0]);
      return absl::OkStatus();
    case HypercallOp::kHalt:
      guest.halted = true;
      return absl::OkStatus();
    case HypercallOp::kBindDma:
      return BindDma(guest, arguments, result);
    case HypercallOp::kSendDma:
      return SendDma(guest, DmaKey(arguments[0]), GuestPhys(arguments[1]));
    case HypercallOp::kSetPte:
      return SetPte(guest, arguments);
    case HypercallOp::kSetTopEntry:
      return SetTopEntry(guest, GuestPhys(arguments[0]), arguments[1]);
    case HypercallOp::kSetMiddleEntry:
      guest.cpu.FlushTlb();
      return absl::OkStatus();
    case HypercallOp::kLoadTls:
      return LoadTls(guest, GuestPhys(arguments[0]));
    case HypercallOp::kNotify:
      guest.for_launcher = Notified{.address = GuestPhys(arguments[0])};
      return absl::OkStatus();
    case HypercallOp::kNone:
      break;
  }
  return GuestDeath("Bad hypercall %d\n", static_cast<int32_t>(call.number));
}

// A direct hypercall (VIRTIO_ABI.md §4.1).
HypercallRequest DirectCall(const GuestState& guest) {
  const Vcpu& cpu = guest.cpu;
  const uint32_t ebx = cpu.Get(Register::kEbx);
  const uint32_t ecx = cpu.Get(Register::kEcx);
  const uint32_t edx = cpu.Get(Register::kEdx);
  HypercallRequest call = {.number = cpu.Get(Register::kEax)};
  switch (guest.abi->arguments) {
    case ArgumentRegisters::kEdxEbxEcx:
      call.arguments = {edx, ebx, ecx, 0};
      break;
    case ArgumentRegisters::kEbxEcxEdxEsi:
      call.arguments = {ebx, ecx, edx, cpu.Get(Register::kEsi)};
      break;
  }
  return call;
}

// ABI.md §4.13. Executes each slot at most once. Otherwise a guest that refills the ring all the
// time would keep the host in this loop.
absl::Status DrainRing(GuestState& guest, SharedData& data) {
  for (uint32_t done = 0; done < kHypercallRingSize && !guest.for_launcher.has_value(); ++done) {
    const uint32_t slot = guest.next_ring_slot;
    if (data.hypercall_status(slot) == kHypercallDone) break;
    guest.next_ring_slot = (slot + 1) % kHypercallRingSize;
    HypercallResult result;  // dropped: %eax belongs to the direct hypercall
    RETURN_IF_ERROR(Execute(guest, data.hypercall(slot), result));
    data.set_hypercall_status(slot, kHypercallDone);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ExecuteHypercalls(GuestState& guest) {
  if (guest.data.has_value()) {
    RETURN_IF_ERROR(DrainRing(guest, *guest.data));
  }
  if (!guest.hypercall_pending || guest.for_launcher.has_value()) return absl::OkStatus();
  guest.hypercall_pending = false;
  const HypercallRequest call = DirectCall(guest);
  if (!guest.data.has_value()) return Initialize(guest, call);
  HypercallResult result;
  RETURN_IF_ERROR(Execute(guest, call, result));
  if (result.has_value()) guest.cpu.Set(Register::kEax, *result);
  return absl::OkStatus();
}

}  // namespace lguest::hostsim
