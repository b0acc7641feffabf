#include "hostsim/testing/scripted_vcpu.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {
namespace {

// The %eip that a scripted guest reports.
constexpr uint32_t kScriptEip = 0xc0010000;

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

ScriptedVcpu::ScriptedVcpu(GuestMemory& memory, Script script)
    : memory_(memory), script_(std::move(script)) {}

absl::Status ScriptedVcpu::Start(GuestPhys page_directory, uint32_t page_offset) {
  page_directory_ = page_directory;
  page_offset_ = page_offset;
  Set(Register::kEsp, page_offset + Script::kStackTop);
  return absl::OkStatus();
}

absl::StatusOr<Vcpu::Stop> ScriptedVcpu::Run(TrapHandler& handler) {
  while (true) {
    ServeInterrupt();
    if (kicked_.exchange(false)) return Stop::kKicked;
    if (finished()) {
      if (!Crash(handler, "script ended")) return Stop::kHandler;
      continue;
    }
    Progress progress = Progress::kDone;
    const bool goes_on = Do(script_.actions()[next_], handler, progress);
    if (progress == Progress::kDone) ++next_;
    if (!goes_on) return Stop::kHandler;
  }
}

void ScriptedVcpu::Kick() {
  kicked_ = true;
  kicked_.notify_one();
}

bool ScriptedVcpu::Do(const Action& action, TrapHandler& handler, Progress& progress) {
  switch (action.op) {
    case Action::Op::kHypercall:
      return Hypercall(handler, action.numbers);
    case Action::Op::kRing:
      PutInRing(action.numbers);
      return true;
    case Action::Op::kTrap:
      return handler.OnTrap({.vector = static_cast<uint8_t>(action.numbers[0]),
                             .error_code = action.numbers[1],
                             .cr2 = action.numbers[2]});
    case Action::Op::kSoftware:
      return handler.OnTrap({.kind = Trap::Kind::kSoftwareInterrupt,
                             .vector = static_cast<uint8_t>(action.numbers[0])});
    case Action::Op::kRegister:
      if (action.numbers[0] < registers_.size()) registers_[action.numbers[0]] = action.numbers[1];
      return true;
    case Action::Op::kPut:
      Put(action);
      return true;
    case Action::Op::kWait:
    case Action::Op::kSpin: {
      const uint32_t irq = 1u << (action.numbers[0] % kInterrupts);
      if ((interrupts_seen_ & irq) != 0) {
        interrupts_seen_ &= ~irq;
        return true;
      }
      progress = Progress::kAgain;
      if (action.op == Action::Op::kSpin) {
        kicked_.wait(false);
        return true;
      }
      const uint32_t halt[] = {static_cast<uint32_t>(lguest::Hypercall::kHalt), 0, 0, 0};
      return Hypercall(handler, halt);
    }
    case Action::Op::kExpectBytes:
      Expect(action);
      return true;
    case Action::Op::kExpectResult:
      if (Get(Register::kEax) != action.numbers[0]) {
        failures_.push_back(absl::StrFormat("line %d: result 0x%x, not 0x%x", action.line,
                                            Get(Register::kEax), action.numbers[0]));
      }
      return true;
    case Action::Op::kCrash:
      return Crash(handler, action.bytes);
  }
  return true;
}

bool ScriptedVcpu::Hypercall(TrapHandler& handler, std::span<const uint32_t> numbers) {
  Set(Register::kEax, numbers[0]);
  Set(Register::kEdx, numbers[1]);
  Set(Register::kEbx, numbers[2]);
  Set(Register::kEcx, numbers[3]);
  Set(Register::kEip, kScriptEip);
  return handler.OnTrap({.kind = Trap::Kind::kSoftwareInterrupt, .vector = kHypercallVector});
}

void ScriptedVcpu::PutInRing(std::span<const uint32_t> numbers) {
  const HypercallArguments call = {
      .eax = numbers[0], .edx = numbers[1], .ebx = numbers[2], .ecx = numbers[3]};
  const uint32_t slot = std::exchange(next_ring_slot_, (next_ring_slot_ + 1) % kHypercallRingSize);
  const uint32_t data = Script::kData.value();
  const uint32_t entry = static_cast<uint32_t>(offsetof(LguestData, hcalls) + slot * sizeof(call));
  const uint32_t status = static_cast<uint32_t>(offsetof(LguestData, hcall_status)) + slot;
  memory_.Write(GuestPhys(data + entry), call).IgnoreError();
  memory_.Write(GuestPhys(data + status), kHypercallPending).IgnoreError();
}

void ScriptedVcpu::Put(const Action& action) {
  if (absl::Status put = memory_.WriteBytes(GuestPhys(action.numbers[0]), AsBytes(action.bytes));
      !put.ok()) {
    failures_.push_back(absl::StrFormat("line %d: %s", action.line, put.message()));
  }
}

void ScriptedVcpu::Expect(const Action& action) {
  std::string found(action.bytes.size(), '\0');
  const absl::Status read = memory_.ReadBytes(
      GuestPhys(action.numbers[0]), std::as_writable_bytes(std::span(found.data(), found.size())));
  if (read.ok() && found == action.bytes) return;
  failures_.push_back(absl::StrFormat("line %d: at 0x%x \"%s\", not \"%s\"", action.line,
                                      action.numbers[0], absl::CHexEscape(found),
                                      absl::CHexEscape(action.bytes)));
}

bool ScriptedVcpu::Crash(TrapHandler& handler, const std::string& text) {
  memory_.WriteBytes(Script::kScratch, AsBytes(text + '\0')).IgnoreError();
  const uint32_t crash[] = {static_cast<uint32_t>(lguest::Hypercall::kCrash),
                            Script::kScratch.value(), 0, 0};
  return Hypercall(handler, crash);
}

void ScriptedVcpu::ServeInterrupt() {
  const uint32_t offset = Get(Register::kEip) - Script::kHandlers;
  if (offset >= 16 * kInterrupts || offset % 16 != 0) return;
  interrupts_seen_ |= 1u << (offset / 16);
  // Does what iret does: pops %eip, %cs and %eflags.
  const uint32_t esp = Get(Register::kEsp);
  for (uint32_t i = 0; const Register reg : {Register::kEip, Register::kCs, Register::kEflags}) {
    const absl::StatusOr<uint32_t> word =
        memory_.Read<uint32_t>(GuestPhys(esp + 4 * i++ - page_offset_));
    if (word.ok()) Set(reg, *word);
  }
  Set(Register::kEsp, esp + 12);
  memory_.Write(Script::kData, kInterruptFlag).IgnoreError();  // irq_enabled is the first field
}

void ScriptedVcpu::SetGdt(std::span<const uint64_t, kGdtEntries> gdt) {
  std::copy(gdt.begin(), gdt.end(), gdt_.begin());
}

void ScriptedVcpu::FlushPage(GuestPhys directory, GuestVirt page) {
  flushes_.push_back(absl::StrFormat("page 0x%x of 0x%x", page.value(), directory.value()));
}

void ScriptedVcpu::FlushDirectoryEntry(GuestPhys directory, uint32_t index) {
  flushes_.push_back(absl::StrFormat("entry %u of 0x%x", index, directory.value()));
}

}  // namespace lguest::hostsim
