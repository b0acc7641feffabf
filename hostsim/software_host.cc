#include "hostsim/software_host.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <variant>

#include "absl/strings/str_format.h"
#include "hostsim/accelerator_sync.h"
#include "hostsim/guest_death.h"
#include "hostsim/hypercall_accelerator.h"
#include "hostsim/hypercalls.h"
#include "hostsim/i386/constants.h"
#include "hostsim/kernel_instructions.h"
#include "hostsim/port_io.h"
#include "hostsim/trap_delivery.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {
namespace {

// A guest enables or unblocks interrupts with a plain store, which causes no exit (ABI.md §4.14).
// While an interrupt is pending, the host stops the guest at this interval to try the delivery.
constexpr Nanos kRetryInterval = 1'000'000;

// The start of a GuestStart::kPhysicalNoTables.
constexpr PagingFormat FirstFormat(GuestStart start) {
  return start == GuestStart::kPhysicalNoTables ? PagingFormat::kNone : PagingFormat::kTwoLevel;
}

absl::Status DeadGuest() { return absl::ErrnoToStatus(ENOENT, "the guest is dead"); }

}  // namespace

SoftwareHost::SoftwareHost(GuestMemory& memory, Vcpu& cpu, Clock& clock, const HostTraits& traits)
    : traits_(traits), guest_(memory, cpu, clock), emulate_privileged_(EmulatePortInstruction) {
  clock.SetAlarmCallback([this] { HandleAlarm(); });
}

SoftwareHost::~SoftwareHost() { guest_.clock.SetAlarmCallback(nullptr); }

// ABI.md §2.1, §3.7.
absl::Status SoftwareHost::Initialize(const BootState& boot) {
  if (initialized_) {
    RETURN_IF_ERROR(CheckCaller());
    return absl::ErrnoToStatus(EBUSY, "the guest is already initialized");
  }
  if (boot.page_offset >= kHostAreaStart) {
    return absl::ErrnoToStatus(
        EINVAL, absl::StrFormat("page offset 0x%x lies in the host area, which starts at 0x%x",
                                boot.page_offset, kHostAreaStart));
  }
  if (uint64_t{boot.pfn_limit} * kPageSize != guest_.memory.size()) {
    return absl::ErrnoToStatus(
        EINVAL, absl::StrFormat("pfn limit %u does not match %u bytes of memory", boot.pfn_limit,
                                guest_.memory.size()));
  }
  const bool has_tables = boot.abi->start != GuestStart::kPhysicalNoTables;
  if (has_tables && !guest_.memory.Contains(boot.page_directory, kPageSize)) {
    return absl::ErrnoToStatus(EINVAL,
                               absl::StrFormat("page directory 0x%x lies outside guest memory",
                                               boot.page_directory.value()));
  }
  RETURN_IF_ERROR(Start(boot));
  owner_ = std::this_thread::get_id();
  initialized_ = true;
  return absl::OkStatus();
}

absl::Status SoftwareHost::Restart(const BootState& boot) {
  RETURN_IF_ERROR(CheckCaller());
  GuestMemory& memory = guest_.memory;
  Vcpu& cpu = guest_.cpu;
  Clock& clock = guest_.clock;
  // Without a policy the accelerator enters no handler of the guest that was.
  if (guest_.accelerator != nullptr) guest_.accelerator->SetPolicy({});
  {
    // Other threads use its CPU to interrupt it.
    const std::lock_guard lock(mutex_);
    std::destroy_at(&guest_);
    std::construct_at(&guest_, memory, cpu, clock);
  }
  return Start(boot);
}

absl::Status SoftwareHost::Start(const BootState& boot) {
  guest_.tsc_khz = traits_.tsc_khz;
  guest_.guest_id = traits_.guest_id;
  guest_.quirks = traits_.quirks;
  Vcpu& cpu = guest_.cpu;
  RETURN_IF_ERROR(cpu.Start(boot.page_directory, boot.page_offset));
  guest_.page_offset = boot.page_offset;
  guest_.low_offset = boot.page_offset;
  if (boot.abi->is_virtio()) RETURN_IF_ERROR(StartGeneration(boot));
  cpu.SetGdt(guest_.gdt.descriptors());
  cpu.Set(Register::kCs, kGuestKernelCs);
  for (const Register segment : {Register::kSs, Register::kDs, Register::kEs}) {
    cpu.Set(segment, kGuestKernelDs);
  }
  cpu.Set(Register::kEflags, kEflagsFixed);
  cpu.Set(Register::kEip, boot.entry.value());
  return absl::OkStatus();
}

absl::Status SoftwareHost::StartGeneration(const BootState& boot) {
  guest_.abi = boot.abi;
  guest_.io = boot.io;
  guest_.low_offset = 0;
  guest_.paging = FirstFormat(boot.abi->start);
  if (boot.abi->int_uses_interrupt_gates) guest_.gates.AllowInterruptGates();
  emulate_privileged_ = ExecutePrivileged;
  return guest_.cpu.SetAddressSpace(guest_.address_space());
}

// ABI.md §2.3.
absl::Status SoftwareHost::CheckCaller() const {
  if (!initialized_) return absl::ErrnoToStatus(EINVAL, "the guest is not initialized");
  if (is_dead()) return DeadGuest();
  if (std::this_thread::get_id() != owner_) {
    return absl::ErrnoToStatus(EPERM, "the guest belongs to another thread");
  }
  return absl::OkStatus();
}

absl::StatusOr<Exit> SoftwareHost::Run() {
  if (absl::Status caller = CheckCaller(); !caller.ok() && !absl::IsNotFound(caller)) return caller;
  guest_.for_launcher.reset();
  while (PrepareToRun()) {
    ASSIGN_OR_RETURN(const Vcpu::Stop stopped, RunCpu());
    if (stopped != Vcpu::Stop::kHandler) SyncFromAccelerator(guest_);
  }
  if (is_dead()) return Died{death_reason_};
  if (guest_.for_launcher.has_value()) {
    // Not std::visit(): this way nothing is moved.
    if (const auto* const sent = std::get_if<DmaSent>(&*guest_.for_launcher)) return *sent;
    if (const auto* const notified = std::get_if<Notified>(&*guest_.for_launcher)) return *notified;
    return RestartRequested{};
  }
  break_requested_ = false;
  return BrokenOut();
}

absl::StatusOr<Vcpu::Stop> SoftwareHost::RunCpu() {
  while (true) {
    ASSIGN_OR_RETURN(const Vcpu::Stop stopped, guest_.cpu.Run(*this));
    if (stopped == Vcpu::Stop::kCount) {
      guest_.clock.HandleCountStop();
    } else if (stopped == Vcpu::Stop::kDebug && debug_handler_) {
      debug_handler_();
    } else {
      return stopped;
    }
    // The guest must not notice any other stop. So do not try to deliver an interrupt here.
    if (alarm_rang_ || break_requested_) return stopped;
  }
}

// ABI.md §2.6.
absl::StatusOr<BoundDma> SoftwareHost::GetDma(DmaKey key) {
  RETURN_IF_ERROR(CheckCaller());
  const bool is_linux2623 = guest_.quirks == Quirks::kLinux2623;
  if (is_linux2623 && !guest_.IsUsableKey(key)) {
    Die("bad registered DMA buffer");
    return DeadGuest();
  }
  const absl::StatusOr<std::optional<BoundDma>> found =
      guest_.bindings.NextBuffer(guest_.memory, key, guest_.quirks);
  if (!found.ok()) {
    Die(found.status().message());
    return DeadGuest();
  }
  const std::optional<BoundDma>& buffer = *found;
  if (!buffer.has_value()) {
    return absl::ErrnoToStatus(ENOENT,
                               absl::StrFormat("no free buffer is bound to key 0x%x", key.value()));
  }
  if (is_linux2623) {
    RETURN_IF_ERROR(guest_.memory.Write(buffer->dma, buffer->irq));
  }
  return *buffer;
}

// ABI.md §2.1, §4.14.
absl::Status SoftwareHost::RaiseInterrupt(uint32_t irq) {
  RETURN_IF_ERROR(CheckCaller());
  if (irq >= kInterrupts) {
    return absl::ErrnoToStatus(EINVAL,
                               absl::StrFormat("interrupt %u is not below %u", irq, kInterrupts));
  }
  guest_.pending_interrupts |= 1u << irq;
  return absl::OkStatus();
}

// ABI.md §2.9.
absl::Status SoftwareHost::BreakOut() {
  if (!initialized_) return absl::ErrnoToStatus(EINVAL, "the guest is not initialized");
  std::unique_lock lock(mutex_);
  if (is_dead()) return DeadGuest();
  broken_out_ = true;
  if (sleeping_) {
    wakeup_.notify_one();
  } else {
    guest_.cpu.Kick();
  }
  resumed_.wait(lock, [this] { return !broken_out_ || is_dead(); });
  return is_dead() ? DeadGuest() : absl::OkStatus();
}

absl::Status SoftwareHost::Resume() {
  if (!initialized_) return absl::ErrnoToStatus(EINVAL, "the guest is not initialized");
  {
    const std::lock_guard lock(mutex_);
    if (is_dead()) return DeadGuest();
    broken_out_ = false;
  }
  resumed_.notify_all();
  return absl::OkStatus();
}

void SoftwareHost::Die(std::string_view reason) {
  if (is_dead()) return;
  death_reason_ = std::string(reason);
  {
    const std::lock_guard lock(mutex_);
    dead_.store(true, std::memory_order_release);
  }
  resumed_.notify_all();
}

bool SoftwareHost::OnTrap(const Trap& trap) {
  SyncFromAccelerator(guest_);
  if (absl::Status handled = Handle(trap); !handled.ok()) Die(handled.message());
  return PrepareToRun();
}

// ABI.md §4.15 to §4.18.
absl::Status SoftwareHost::Handle(const Trap& trap) {
  switch (trap.kind) {
    case Trap::Kind::kSoftwareInterrupt:
      return HandleSoftwareInterrupt(trap.vector);
    case Trap::Kind::kBadPageDirectoryEntry:
      return GuestDeath("bad page directory entry");
    case Trap::Kind::kBadPageTableEntry: {
      ASSIGN_OR_RETURN(const bool executed, ExecuteDeviceAccess(guest_, trap));
      return executed ? absl::OkStatus() : GuestDeath("bad page table entry");
    }
    case Trap::Kind::kHostAreaDamaged:
      return GuestDeath("attempt to access switcher pages");
    case Trap::Kind::kException:
      break;
  }
  if (trap.vector == kGeneralProtection && trap.error_code == 0) {
    const absl::StatusOr<bool> emulated = emulate_privileged_(guest_);
    if (!emulated.ok() || *emulated) return emulated.status();
  }
  if (trap.vector == kInvalidOpcode && guest_.abi->uses_vmcall && ExecuteVmcall(guest_)) {
    return absl::OkStatus();
  }
  if (trap.vector == kPageFault && guest_.data.has_value()) guest_.data->set_cr2(trap.cr2);
  if (trap.vector == kDeviceNotAvailable && !guest_.task_switched) return absl::OkStatus();
  return Reflect(trap);
}

absl::Status SoftwareHost::HandleSoftwareInterrupt(uint8_t vector) {
  const uint32_t privilege = PrivilegeLevel(guest_.cpu);
  if (vector == kHypercallVector && privilege == 1) {
    guest_.hypercall_pending = true;
    return absl::OkStatus();
  }
  if (guest_.gates.MayInvoke(vector, privilege)) return Reflect({.vector = vector});
  // The processor raises #GP instead (ABI.md §4.1), with %eip at the instruction.
  guest_.cpu.Set(Register::kEip, guest_.cpu.Get(Register::kEip) - SoftwareInterruptLength(vector));
  return Reflect({.vector = kGeneralProtection, .error_code = IdtErrorCode(vector)});
}

absl::Status SoftwareHost::Reflect(const Trap& trap) {
  const absl::StatusOr<bool> delivered = DeliverTrap(guest_, trap.vector, trap.error_code);
  RETURN_IF_ERROR(delivered.status());
  if (*delivered) return absl::OkStatus();
  return GuestDeath("unhandled trap %u at 0x%x (0x%x)", trap.vector, guest_.cpu.Get(Register::kEip),
                    trap.vector == kPageFault ? trap.cr2 : trap.error_code);
}

bool SoftwareHost::PrepareToRun() {
  while (!is_dead()) {
    if (absl::Status done = ExecuteHypercalls(guest_); !done.ok()) {
      Die(done.message());
      return false;
    }
    if (guest_.for_launcher.has_value() || break_requested_ ||
        broken_out_.load(std::memory_order_acquire)) {
      return false;
    }
    CheckTimer();
    if (absl::Status delivered = DeliverInterrupt(guest_); !delivered.ok()) {
      Die(delivered.message());
      return false;
    }
    if (!guest_.halted) {
      UpdateAlarm();
      SyncToAccelerator(guest_);
      return true;
    }
    SleepUntilInterrupt();
  }
  return false;
}

void SoftwareHost::CheckTimer() {
  if (!alarm_rang_.load(std::memory_order_relaxed)) return;
  alarm_rang_ = false;
  alarm_.reset();
  retry_.reset();
  if (guest_.timer.has_value() && guest_.clock.Now() >= *guest_.timer) {
    guest_.timer.reset();
    guest_.pending_interrupts |= 1u << kTimerIrq;
  }
}

void SoftwareHost::UpdateAlarm() {
  if (guest_.pending_interrupts == 0) {
    retry_.reset();
  } else if (!retry_.has_value()) {
    retry_ = guest_.clock.Now() + kRetryInterval;
  }
  std::optional<Nanos> next = guest_.timer;
  if (retry_.has_value() && (!next.has_value() || *retry_ < *next)) next = retry_;
  if (next == alarm_) return;
  alarm_ = next;
  guest_.clock.SetAlarm(next);
}

void SoftwareHost::HandleAlarm() {
  alarm_rang_ = true;
  // The owner itself looks at the alarm before the guest runs on.
  if (std::this_thread::get_id() == owner_) return;
  const std::lock_guard lock(mutex_);
  if (sleeping_) {
    wakeup_.notify_one();
  } else {
    guest_.cpu.Kick();
  }
}

void SoftwareHost::SleepUntilInterrupt() {
  if (alarm_.has_value()) {  // Wait() has its own deadline
    alarm_.reset();
    guest_.clock.SetAlarm(std::nullopt);
  }
  std::unique_lock lock(mutex_);
  sleeping_ = true;
  if (!broken_out_ && !alarm_rang_) guest_.clock.Wait(lock, wakeup_, guest_.timer);
  sleeping_ = false;
  if (guest_.timer.has_value() && guest_.clock.Now() >= *guest_.timer) alarm_rang_ = true;
}

}  // namespace lguest::hostsim
