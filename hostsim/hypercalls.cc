#include "hostsim/hypercalls.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "hostsim/guest_death.h"
#include "hostsim/i386/constants.h"
#include "hostsim/quirks.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kCrashTextSize = 128;
constexpr uint32_t kMaxStackPages = 2;
constexpr Nanos kMinTimer = 100;

// The result of a hypercall for %eax. A hypercall without a result leaves it empty, and %eax
// unchanged.
using HypercallResult = std::optional<uint32_t>;

absl::Status CheckQuirk(const GuestState& guest, GuestPhys addr, uint32_t len) {
  if (!QuirkRejects(guest.quirks, guest.memory, addr, len)) return absl::OkStatus();
  return GuestDeath("bad read address 0x%x len %u", addr.value(), len);
}

// ABI.md §4.2.
absl::Status Initialize(GuestState& guest, const HypercallArguments& call) {
  if (static_cast<Hypercall>(call.eax) != Hypercall::kLguestInit) {
    return GuestDeath("hypercall %u before LGUEST_INIT", call.eax);
  }
  const GuestPhys addr(call.edx);
  absl::StatusOr<SharedData> data = SharedData::At(guest.memory, addr);
  if (!data.ok() || QuirkRejects(guest.quirks, guest.memory, addr, sizeof(LguestData))) {
    return GuestDeath("bad guest page %08x", addr.value());
  }
  guest.data = *data;
  guest.noirq_start = data->noirq_start();
  guest.noirq_end = data->noirq_end();
  data->set_reserve_mem(kReservedTop);
  data->set_tsc_khz(guest.tsc_khz);
  data->set_guestid(guest.guest_id);
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

// ABI.md §4.5.
absl::Status SwitchPageTable(GuestState& guest, GuestPhys directory) {
  if (!guest.memory.Contains(directory, kPageSize)) {
    return GuestDeath("bad read address 0x%x len %u", directory.value(), kPageSize);
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
absl::Status BindDma(GuestState& guest, const HypercallArguments& call, HypercallResult& result) {
  const DmaKey key(call.edx);
  const GuestPhys array(call.ebx);
  const uint32_t irq = call.ecx & 0xff;
  const uint32_t count = (call.ecx >> 8) & 0xffff;
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
  guest.sent = DmaSent{.dma = dma, .key = key};
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

// ABI.md §4.4.
absl::Status LoadTls(GuestState& guest, GuestPhys table) {
  constexpr auto kLen = static_cast<uint32_t>(kTlsEntries * sizeof(uint64_t));
  RETURN_IF_ERROR(CheckQuirk(guest, table, kLen));
  absl::Status loaded = guest.gdt.LoadTls(guest.memory, table);
  if (loaded.ok()) guest.cpu.SetGdt(guest.gdt.descriptors());
  return loaded;
}

// ABI.md §4.6.
absl::Status LoadIdtEntry(GuestState& guest, const HypercallArguments& call) {
  guest.policy_changed = true;
  return guest.gates.Load(call.edx, call.ebx, call.ecx);
}

bool IsOutsideMemory(const GuestState& guest, uint32_t entry) {
  return !guest.memory.Contains(GuestPhys(PageAlignDown(entry)), kPageSize);
}

// ABI.md §4.5. Guests keep other data in entries that are not present, so these are not checked.
absl::Status SetPte(GuestState& guest, GuestPhys directory, uint32_t address, uint32_t entry) {
  if ((entry & kEntryPresent) != 0 &&
      ((entry & kBadTableEntryFlags) != 0 || IsOutsideMemory(guest, entry))) {
    return GuestDeath("bad page table entry");
  }
  guest.cpu.FlushPage(directory, GuestVirt(PageAlignDown(address)));
  return absl::OkStatus();
}

// ABI.md §4.5.
absl::Status SetPmd(GuestState& guest, GuestPhys directory, uint32_t index) {
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

// ABI.md §4.1.
absl::Status Execute(GuestState& guest, const HypercallArguments& call, HypercallResult& result) {
  switch (static_cast<Hypercall>(call.eax)) {
    case Hypercall::kFlushAsync:
      return absl::OkStatus();
    case Hypercall::kLguestInit:
      return GuestDeath("already have lguest_data");
    case Hypercall::kCrash:
      return Crash(guest, GuestPhys(call.edx));
    case Hypercall::kLoadGdt:
      return LoadGdt(guest, GuestPhys(call.edx), call.ebx);
    case Hypercall::kNewPgtable:
      return SwitchPageTable(guest, GuestPhys(call.edx));
    case Hypercall::kFlushTlb:
      if (call.edx != 0) {
        guest.cpu.FlushTlb();
      } else {
        guest.cpu.FlushUserTlb();
      }
      return absl::OkStatus();
    case Hypercall::kLoadIdtEntry:
      return LoadIdtEntry(guest, call);
    case Hypercall::kSetStack:
      return SetStack(guest, call.edx, call.ebx, call.ecx);
    case Hypercall::kTs:
      guest.task_switched = call.edx != 0;
      guest.cpu.SetTaskSwitched(guest.task_switched);
      return absl::OkStatus();
    case Hypercall::kSetClockevent:
      SetClockEvent(guest, call.edx);
      return absl::OkStatus();
    case Hypercall::kHalt:
      guest.halted = true;
      return absl::OkStatus();
    case Hypercall::kBindDma:
      return BindDma(guest, call, result);
    case Hypercall::kSendDma:
      return SendDma(guest, DmaKey(call.edx), GuestPhys(call.ebx));
    case Hypercall::kSetPte:
      return SetPte(guest, GuestPhys(call.edx), call.ebx, call.ecx);
    case Hypercall::kSetPmd:
      return SetPmd(guest, GuestPhys(call.edx), call.ebx);
    case Hypercall::kLoadTls:
      return LoadTls(guest, GuestPhys(call.edx));
  }
  return GuestDeath("Bad hypercall %d\n", static_cast<int32_t>(call.eax));
}

// ABI.md §4.13. Executes each slot at most once. Otherwise a guest that refills the ring all the
// time would keep the host in this loop.
absl::Status DrainRing(GuestState& guest, SharedData& data) {
  for (uint32_t done = 0; done < kHypercallRingSize && !guest.sent.has_value(); ++done) {
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
  if (!guest.hypercall_pending || guest.sent.has_value()) return absl::OkStatus();
  guest.hypercall_pending = false;
  const HypercallArguments call = {.eax = guest.cpu.Get(Register::kEax),
                                   .edx = guest.cpu.Get(Register::kEdx),
                                   .ebx = guest.cpu.Get(Register::kEbx),
                                   .ecx = guest.cpu.Get(Register::kEcx)};
  if (!guest.data.has_value()) return Initialize(guest, call);
  HypercallResult result;
  RETURN_IF_ERROR(Execute(guest, call, result));
  if (result.has_value()) guest.cpu.Set(Register::kEax, *result);
  return absl::OkStatus();
}

}  // namespace lguest::hostsim
