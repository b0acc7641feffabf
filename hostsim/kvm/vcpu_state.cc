#include "hostsim/kvm/vcpu_state.h"

#include <cpuid.h>
#include <linux/kvm.h>

#include "hostsim/i386/constants.h"
#include "hostsim/kvm/switcher.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kEflags = 2;  // interrupts off

constexpr uint8_t kCode = 11;
constexpr uint8_t kData = 3;

kvm_segment Ring0Segment(uint16_t selector, uint8_t type) {
  kvm_segment segment = {};
  segment.limit = 0xffffffff;
  segment.selector = selector;
  segment.type = type;
  segment.present = 1;
  segment.db = 1;
  segment.s = 1;
  segment.g = 1;
  return segment;
}

kvm_segment NoSegment() {
  kvm_segment segment = {};
  segment.unusable = 1;
  return segment;
}

// The type of the current TSS. Intel processors require "busy". AMD processors accept both types,
// but QEMU's emulation of an AMD processor requires "available", and KVM_GET_SREGS always returns
// "busy".
uint8_t TaskType() {
  constexpr uint32_t kExtendedFeatures = 0x80000001;
  constexpr uint32_t kSvm = 1u << 2;
  constexpr uint8_t kAvailable = 9;
  constexpr uint8_t kBusy = 11;
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
  const bool known = __get_cpuid(kExtendedFeatures, &eax, &ebx, &ecx, &edx) != 0;
  return known && (ecx & kSvm) != 0 ? kAvailable : kBusy;
}

void SetSwitcherSegments(kvm_sregs& sregs) {
  constexpr uint32_t kTaskLimit = 103;
  sregs.cs = Ring0Segment(SWITCHER_CODE_SELECTOR, kCode);
  sregs.ss = Ring0Segment(SWITCHER_DATA_SELECTOR, kData);
  sregs.tr = {};
  sregs.tr.base = SWITCHER_TSS;
  sregs.tr.limit = kTaskLimit;
  sregs.tr.selector = SWITCHER_TSS_SELECTOR;
  sregs.tr.type = TaskType();
  sregs.tr.present = 1;
}

absl::Status SetResumeAddress(const KvmFd& vcpu, uint32_t eip) {
  kvm_regs regs = {};
  regs.rip = eip;
  regs.rsp = SWITCHER_FRAME;
  regs.rflags = kEflags;
  return vcpu.Ioctl(KVM_SET_REGS, &regs, "KVM_SET_REGS").status();
}

}  // namespace

absl::Status SetRing0State(const KvmFd& vcpu, uint32_t page_directory) {
  constexpr uint8_t kLocalTable = 2;
  kvm_sregs sregs = {};
  RETURN_IF_ERROR(vcpu.Ioctl(KVM_GET_SREGS, &sregs, "KVM_GET_SREGS").status());
  SetSwitcherSegments(sregs);
  sregs.ds = sregs.es = sregs.fs = sregs.gs = NoSegment();
  sregs.ldt = NoSegment();
  sregs.ldt.type = kLocalTable;
  sregs.gdt.base = SWITCHER_GDT;
  sregs.gdt.limit = kGdtEntries * sizeof(uint64_t) - 1;
  sregs.idt.base = SWITCHER_IDT;
  sregs.idt.limit = SWITCHER_IDT_VECTORS * sizeof(uint64_t) - 1;
  sregs.cr0 = kCr0;
  sregs.cr3 = page_directory;
  sregs.cr4 = kCr4;
  sregs.efer = 0;
  RETURN_IF_ERROR(vcpu.Ioctl(KVM_SET_SREGS, &sregs, "KVM_SET_SREGS").status());
  return SetResumeAddress(vcpu, Switcher::ResumeAddress());
}

absl::Status MoveToSwitcher(const KvmFd& vcpu, Switcher& switcher) {
  kvm_regs regs = {};
  kvm_sregs sregs = {};
  RETURN_IF_ERROR(vcpu.Ioctl(KVM_GET_REGS, &regs, "KVM_GET_REGS").status());
  RETURN_IF_ERROR(vcpu.Ioctl(KVM_GET_SREGS, &sregs, "KVM_GET_SREGS").status());
  const auto word = [](uint64_t reg) { return static_cast<uint32_t>(reg); };
  switcher.frame() = {.edi = word(regs.rdi),
                      .esi = word(regs.rsi),
                      .ebp = word(regs.rbp),
                      .unused_esp = 0,
                      .ebx = word(regs.rbx),
                      .edx = word(regs.rdx),
                      .ecx = word(regs.rcx),
                      .eax = word(regs.rax),
                      .vector = 0,
                      .error_code = 0,
                      .eip = word(regs.rip),
                      .cs = sregs.cs.selector,
                      .eflags = word(regs.rflags),
                      .esp = word(regs.rsp),
                      .ss = sregs.ss.selector};
  switcher.state().segments = {sregs.ds.selector, sregs.es.selector, sregs.fs.selector,
                               sregs.gs.selector};
  SetSwitcherSegments(sregs);
  RETURN_IF_ERROR(vcpu.Ioctl(KVM_SET_SREGS, &sregs, "KVM_SET_SREGS").status());
  return SetResumeAddress(vcpu, Switcher::ResumeAddress());
}

absl::StatusOr<bool> IsAboutToResume(const KvmFd& vcpu) {
  kvm_regs regs = {};
  RETURN_IF_ERROR(vcpu.Ioctl(KVM_GET_REGS, &regs, "KVM_GET_REGS").status());
  return regs.rip == Switcher::ResumeAddress();
}

}  // namespace lguest::hostsim
