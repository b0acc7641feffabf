// A guest may execute any bytes at ring 1 and ring 3. The CPU never fails, stops soon after a kick,
// and stays at ring 1 or ring 3. Ring 3 changes no memory that it may not write.
// Input: one byte of options (below), then the code. On the stack lies the frame of an iret to ring
// 3, %eax is a selector, and %esi points to the code.
//
// After a trap the code goes on at the next byte, so each byte of the input is executed as the
// start of an instruction, unless a jump leads past it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <span>
#include <vector>

#include "hostsim/hypercall_accelerator.h"
#include "hostsim/i386/constants.h"
#include "hostsim/i386/registers.h"
#include "hostsim/softcpu/watchdog.h"
#include "hostsim/testing/test_machine.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"
#include "tools/fuzz/fuzz_target.h"

namespace lguest::hostsim {
namespace {

constexpr uint8_t kOptionRing3 = 1;
constexpr uint8_t kOptionTaskSwitched = 2;   // CR0.TS
constexpr uint8_t kOptionsEflags = 0x14;     // bits 8 and 10: TF and DF
constexpr uint8_t kOptionAccelerate = 8;     // the CPU enters handlers, which are the code itself
constexpr uint8_t kOptionAnyStack = 0x20;    // the first word of the code is the handlers' %esp
constexpr uint8_t kOptionAtTheEnd = 0x40;    // the code ends at the end of the last code page
constexpr uint8_t kOptionPageTables = 0x80;  // %edi points to the page table entry of the code
constexpr size_t kMostCode = 512;            // a longer input takes too long
constexpr uint32_t kKernelStackPhys = kKernelStackTop - kPageSize - kPageOffset;
constexpr uint32_t kUserStackPhys = 0x130000;
constexpr uint32_t kLguestData = kFree + kPageSize;
constexpr uint32_t kFrame = kPageSize - 0x200;  // %esp, in the page of the stack
// Below this address are the page tables. The CPU sets their accessed and dirty bits.
constexpr uint32_t kTablesEnd = kCodePhys;

void Check(bool good, const char* what) {
  if (good) return;
  std::cerr << "FAILED: " << what << "\n";
  std::abort();
}

// libFuzzer keeps an input that makes one of these counters nonzero for the first time. The
// library is not instrumented, so this is the only news of it: which opcode raised which vector.
constexpr size_t kCounters = size_t{1} << 14;
__attribute__((section("__libfuzzer_extra_counters"), used)) uint8_t counters[kCounters];

void CountTrap(const Trap& trap, uint32_t opcode) {
  constexpr uint32_t kOpcodes = 512;  // of one byte, and of two bytes
  ++counters[(std::min<uint32_t>(trap.vector, 31) * kOpcodes + opcode) % kCounters];
}

int RingOf(uint8_t options) { return (options & kOptionRing3) != 0 ? 3 : 1; }

uint32_t EflagsOf(uint8_t options) {
  constexpr uint32_t kAlways = 0x202;
  return kAlways | (options & kOptionsEflags) << 6;
}

// The offset of the code in the code pages.
uint32_t OffsetOf(uint8_t options, size_t size) {
  if ((options & kOptionAtTheEnd) == 0) return 0;
  return kUserCodePages * kPageSize - static_cast<uint32_t>(size);
}

class Handler final : public TrapHandler {
 public:
  Handler(TestMachine& machine, uint8_t options, std::span<const uint8_t> code)
      : machine_(machine),
        ring_(RingOf(options)),
        may_change_ring_(ring_ == 1 || (options & kOptionAccelerate) != 0),
        eflags_(EflagsOf(options)),
        start_((ring_ == 3 ? kUserCode : kKernelCode) + OffsetOf(options, code.size())),
        edi_((options & kOptionPageTables) != 0 ? kPageOffset + machine.TableEntry(start_)
                                                : start_ + kPageSize),
        code_(code) {}

  bool OnTrap(const Trap& trap) override {
    constexpr uint32_t kExceptions = 32;
    const uint32_t eip = machine_.reg(Register::kEip);
    const uint32_t level = PrivilegeLevel(*machine_.cpu);
    Check(level == 1 || level == 3, "the guest is at ring 1 or ring 3");
    Check(may_change_ring_ || level == 3, "ring 3 does not become ring 1");
    Check(trap.kind != Trap::Kind::kException || trap.vector < kExceptions,
          "the vector is that of an exception");
    const bool software = trap.kind == Trap::Kind::kSoftwareInterrupt;
    const uint32_t at = eip - start_;
    if (at < code_.size()) {
      CountTrap(trap, Opcode(at - (software ? 2 : 0)));
      next_ = std::max(next_ + 1, software ? at : at + 1);
    } else {
      ++next_;
    }
    if (next_ >= code_.size()) return false;
    const bool task_switched = trap.vector == kDeviceNotAvailable;
    EnterCode();
    if (task_switched) machine_.cpu->SetTaskSwitched(false);
    return true;
  }

  void EnterCode() {
    machine_.EnterRing(ring_);
    const uint32_t stack = (ring_ == 3 ? kUserStackTop : kKernelStackTop) - kPageSize;
    const auto set = [this](Register reg, uint32_t value) { machine_.cpu->Set(reg, value); };
    set(Register::kEax, kData3);
    set(Register::kEcx, 3);
    set(Register::kEdx, stack + 0x800);
    set(Register::kEbx, stack + 0x900);
    set(Register::kEbp, stack + 0xa00);
    set(Register::kEsi, start_ + next_);
    set(Register::kEdi, edi_);
    set(Register::kEsp, stack + kFrame);
    set(Register::kEflags, eflags_);
    set(Register::kEip, start_ + next_);
  }

 private:
  uint32_t Opcode(uint32_t at) const {
    constexpr uint8_t kTwoBytes = 0x0f;
    constexpr uint8_t kPrefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
                                     0x66, 0x67, 0xf0, 0xf2, 0xf3};
    while (at < code_.size() && std::ranges::count(kPrefixes, code_[at]) != 0) ++at;
    if (at >= code_.size()) return 0;
    if (code_[at] != kTwoBytes) return code_[at];
    return at + 1 < code_.size() ? 0x100u | code_[at + 1] : kTwoBytes;
  }

  TestMachine& machine_;
  const int ring_;
  const bool may_change_ring_;
  const uint32_t eflags_;
  const uint32_t start_;  // of the code
  const uint32_t edi_;
  const std::span<const uint8_t> code_;
  uint32_t next_ = 0;  // where the code goes on after a trap
};

// A machine that runs one input after the other. To make a CPU takes a hundred times as long as to
// run an input on it.
class ReusedMachine {
 public:
  ReusedMachine() {
    // The image of fxrstor: zero but for the control words.
    machine_.Poke(kFree, 0x37f);
    machine_.Poke(kFree + 24, 0x1f80);
    const std::byte* const base = machine_.memory->base();
    before_.assign(base, base + machine_.memory->size());
  }

  void Run(uint8_t options, std::span<const uint8_t> code) {
    const int ring = RingOf(options);
    Reset();
    PokeFrame(kKernelStackPhys + kFrame, EflagsOf(options));
    PokeFrame(kUserStackPhys + kFrame, EflagsOf(options));
    const uint32_t phys = kCodePhys + OffsetOf(options, code.size());
    machine_.PokeBytes(phys, {code.begin(), code.end()});
    machine_.cpu->SetTaskSwitched((options & kOptionTaskSwitched) != 0);
    SetAccelerator(options, code);
    Handler handler(machine_, options, code);
    handler.EnterCode();
    {
      const Watchdog watchdog(*machine_.cpu);
      const auto stop = machine_.cpu->Run(handler);
      if (!stop.ok()) std::cerr << stop.status() << "\n";
      Check(stop.ok(), "the CPU does not fail");
    }
    const uint32_t level = PrivilegeLevel(*machine_.cpu);
    Check(level == 1 || level == 3, "the guest stops at ring 1 or ring 3");
    if (ring == 3 && (options & kOptionAccelerate) == 0) CheckKernelMemory(phys, code);
  }

 private:
  // Calls `visit` for each changed page from `start` to `end`.
  void ForEachChangedPage(uint32_t start, uint32_t end,
                          const std::function<void(uint32_t page)>& visit) const {
    if (std::memcmp(machine_.memory->base() + start, &before_[start], end - start) == 0) return;
    if (end - start == kPageSize) return visit(start);
    const uint32_t middle = start + (end - start) / 2;
    ForEachChangedPage(start, middle, visit);
    ForEachChangedPage(middle, end, visit);
  }

  // Restores memory and the registers of the FPU. Takes a kick that came too late.
  void Reset() {
    SetAccelerator(0, {});
    ForEachChangedPage(0, kMemorySize, [this](uint32_t page) {
      const auto bytes = std::span(before_).subspan(page, kPageSize);
      Check(machine_.memory->WriteBytes(GuestPhys(page), bytes).ok(), "memory is writable");
    });
    machine_.cpu->SetPageDirectory(GuestPhys(kDirectory));
    machine_.cpu->FlushTlb();
    machine_.cpu->SetTaskSwitched(false);
    constexpr uint32_t kImage = kPageOffset + kFree;
    static_assert(kImage == 0xc0200000);
    // fxrstor kImage; int $kDone
    machine_.Load(1, {0x0f, 0xae, 0x0d, 0x00, 0x00, 0x20, 0xc0, 0xcd, kDone});
    RecordingHandler done;
    const auto stop = machine_.cpu->Run(done);
    if (stop.ok() && *stop == Vcpu::Stop::kKicked) return Reset();
    Check(stop.ok() && done.traps.size() == 1 && IsDone(done.traps[0]), "the FPU can be reset");
    machine_.PokeBytes(kCodePhys, MachineCode(16));
  }

  // Makes the CPU serve system calls and page faults, or nothing.
  void SetAccelerator(uint8_t options, std::span<const uint8_t> code) {
    const auto entry = [&](AcceleratedGate::Entry served) {
      AcceleratedGate gate;
      if ((options & kOptionAccelerate) != 0) gate.entry = served;
      gate.gate.handler = GuestVirt(kKernelCode + OffsetOf(options, code.size()));
      gate.gate.privilege = 3;
      gate.gate.present = true;
      return gate;
    };
    AcceleratorPolicy policy;
    policy.lguest_data = GuestPhys(kLguestData);
    policy.page_offset = kPageOffset;
    policy.exceptions[kPageFault] = entry(AcceleratedGate::Entry::kReflected);
    policy.system_call = entry(AcceleratedGate::Entry::kDirect);
    machine_.cpu->accelerator()->SetPolicy(policy);
    AcceleratorState state;
    state.kernel_esp = kKernelStackTop;
    if ((options & kOptionAnyStack) != 0) {
      std::memcpy(&state.kernel_esp, code.data(), std::min(code.size(), sizeof(state.kernel_esp)));
    }
    machine_.cpu->accelerator()->SetState(state, /*irq_pending=*/false);
  }

  // Writes the frame of an iret to ring 3, to a later byte of the code.
  void PokeFrame(uint32_t phys, uint32_t eflags) {
    constexpr uint32_t kFurther = 64;
    const uint32_t esp = kUserStackTop - kPageSize + kFrame;
    for (const uint32_t word : {kUserCode + kFurther, kCode3, eflags, esp, kData3}) {
      machine_.Poke(phys, word);
      phys += sizeof(word);
    }
  }

  void CheckKernelMemory(uint32_t phys, std::span<const uint8_t> code) {
    Check(std::memcmp(machine_.memory->base() + phys, code.data(), code.size()) == 0,
          "ring 3 does not change its code");
    ForEachChangedPage(0, kMemorySize, [this](uint32_t page) {
      const bool is_code = page >= kCodePhys && page < kCodePhys + kUserCodePages * kPageSize;
      if (is_code || page == kUserStackPhys || page == kKernelStackPhys) return;
      Check(page < kTablesEnd, "ring 3 changes no memory of the kernel");
      for (uint32_t at = page; at < page + kPageSize; at += sizeof(uint32_t)) {
        uint32_t entry = 0;
        uint32_t now = 0;
        std::memcpy(&entry, &before_[at], sizeof(entry));
        std::memcpy(&now, machine_.memory->base() + at, sizeof(now));
        Check((entry | kA | kD) == (now | kA | kD), "ring 3 changes no page table");
      }
    });
  }

  TestMachine machine_;
  std::vector<std::byte> before_;
};

}  // namespace

// The library calls longjmp() for each fault, and then the sanitizer would search all fake stacks.
// The CPU outlives each run, so a search for leaks after a run finds nothing and takes half the
// time.
const char* SanitizerOptions() asm("__asan_default_options");
const char* SanitizerOptions() { return "detect_leaks=0:detect_stack_use_after_return=0"; }

}  // namespace lguest::hostsim

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t length = std::min<size_t>(size - 1, lguest::hostsim::kMostCode);
  static auto* const kMachine = new lguest::hostsim::ReusedMachine;
  kMachine->Run(data[0], {data + 1, length});
  return 0;
}
