#include "hostsim/softcpu/unicorn_check.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "hostsim/softcpu/machine_code.h"
#include "hostsim/softcpu/unicorn_experiments.h"
#include "hostsim/softcpu/unicorn_internals.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {

// Functions of the library.
void CpuExit(void* cpu) asm("cpu_exit");
void CpuResetInterrupt(void* cpu, int mask) asm("cpu_reset_interrupt");
void CheckExitRequest(void* tcg_context) asm("check_exit_request_x86_64");

absl::Status UnicornCheck::Run() {
  using Experiment = absl::Status (UnicornCheck::*)();
  constexpr Experiment kExperiments[] = {
      &UnicornCheck::Version,          &UnicornCheck::Alignment,
      &UnicornCheck::RamAddresses,     &UnicornCheck::Environment,
      &UnicornCheck::PageFault,        &UnicornCheck::Hooks,
      &UnicornCheck::GeneralRegisters, &UnicornCheck::Tlb,
      &UnicornCheck::JumpCache,        &UnicornCheck::Flags,
      &UnicornCheck::InvalidFarCall,   &UnicornCheck::StraddlingCode,
      &UnicornCheck::Segments,         &UnicornCheck::UserTlb,
      &UnicornCheck::ExitRequests,     &UnicornCheck::ExitAtBlockEnd,
      &UnicornCheck::BlockChaining,    &UnicornCheck::StopRequest,
  };
  for (const Experiment experiment : kExperiments) {
    RETURN_IF_ERROR((this->*experiment)());
  }
  return absl::OkStatus();
}

absl::Status UnicornCheck::Version() {
  unsigned int major = 0;
  unsigned int minor = 0;
  const unsigned int version = uc_version(&major, &minor);
  if (major != 2 || minor != 0 || (version >> 8 & 0xff) != 1) return Differs("version");
  return absl::OkStatus();
}

// Compilers align fields to their size. A misaligned offset is wrong, so it must not be used.
absl::Status UnicornCheck::Alignment() {
  const UnicornLayout& layout = cpu_.layout_;
  for (const ptrdiff_t offset :
       {layout.jump_cache, layout.cpu_to_env, layout.tlb_fast, layout.tlb_slow,
        layout.tlb_slow_size, layout.tlb_used, layout.tlb_victims, layout.budget, layout.block_pc,
        layout.registers, layout.eip, layout.cc_source, layout.segments}) {
    if (offset % 8 != 0) return Differs("alignment");
  }
  for (const ptrdiff_t offset :
       {layout.next_cflags, layout.interrupt_request, layout.refused, layout.cc_operation,
        layout.hflags, layout.error_code, layout.exception_is_int, layout.old_exception}) {
    if (offset % 4 != 0) return Differs("alignment");
  }
  if (layout.icount_high % 2 != 0 || layout.block_instructions % 2 != 0) {
    return Differs("alignment");
  }
  return absl::OkStatus();
}

// The library passes a CPUState* to the page walk and a CPUX86State* to the cpuid helper. The
// second pointer is not used before its distance to the first is verified.
absl::Status UnicornCheck::Environment() {
  const UnicornLayout& layout = cpu_.layout_;
  if (Start(Code().Op({0x0f, 0xa2}).Done()) != UC_ERR_EXCEPTION || cpu_.cpu_ == nullptr) {
    return Differs("page walk");
  }
  if (cpu_.cpuid_env_ != cpu_.cpu_ + layout.cpu_to_env) return Differs("CPUX86State");
  cpu_.set_env(cpu_.cpuid_env_);
  if (Env<int32_t>(layout.exception_is_int) != 1) return Differs("exception_is_int");
  if (Env<uint32_t>(layout.error_code) != 0) return Differs("error_code");
  return absl::OkStatus();
}

// mov %eax,kUnmapped.
absl::Status UnicornCheck::PageFault() {
  const UnicornLayout& layout = cpu_.layout_;
  if (Start(Code().Op({0xa3}, kUnmapped)) != UC_ERR_EXCEPTION) return Differs("page fault");
  if (Env<uint32_t>(layout.error_code) != kTestErrorCode) return Differs("error_code");
  if (Env<int32_t>(layout.old_exception) != kPageFaultVector) return Differs("old_exception");
  if (Env<int32_t>(layout.exception_is_int) != 0) return Differs("exception_is_int");
  return absl::OkStatus();
}

// Two page faults in a row are not a double fault.
absl::Status UnicornCheck::Hooks() {
  cpu_.EnvField<int32_t>(cpu_.layout_.old_exception) = -1;
  RETURN_IF_ERROR(cpu_.InstallHooks());
  for (int i = 0; i < 2; ++i) {
    if (Start(Code().Op({0xa3}, kUnmapped)) != UC_ERR_OK || vector_ != kPageFaultVector ||
        software_ || error_code_ != kTestErrorCode) {
      return Differs("exceptions");
    }
  }
  return absl::OkStatus();
}

// First the library's interface writes the registers, then guest code.
absl::Status UnicornCheck::GeneralRegisters() {
  constexpr int kIds[] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
                          UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};
  for (int i = 0; i < 8; ++i) {
    const uint32_t value = 0x1357a000u + static_cast<uint32_t>(i);
    uc_reg_write(cpu_.uc_, kIds[i], &value);
  }
  for (int i = 0; i < 8; ++i) {
    if (cpu_.reg(i) != 0x1357a000u + static_cast<uint32_t>(i)) return Differs("registers");
  }
  // mov $imm,%eax; cpuid. It must call the wrap of helper_cpuid.
  cpuids_ = 0;
  const Code code = Code().Op({0xb8}, 0x31).Op({0x0f, 0xa2}).Done();
  const uint32_t end = kCode + used_ + static_cast<uint32_t>(code.Bytes().size());
  if (!Finishes(code) || cpuids_ != 1 || cpu_.reg(0) != 0x32 || cpu_.reg(1) != 0xc ||
      cpu_.reg(2) != 0xd || cpu_.reg(3) != 0xb) {
    return Differs("cpuid");
  }
  if (cpu_.eip() != end) return Differs("eip");
  return absl::OkStatus();
}

// mov $1,%eax; lcall *%ecx. The library would abort the process at the lcall if the wraps did not
// hide it. So first verify that the library emits insn_start for each instruction.
absl::Status UnicornCheck::InvalidFarCall() {
  const uint64_t before = cpu_.instructions_translated_;
  if (!Finishes(Code().Op({0x90}).Op({0x90}).Done()) ||
      cpu_.instructions_translated_ != before + 3) {
    return Differs("insn_start");
  }
  const uint32_t at = kCode + used_;
  cpu_.illegal_instruction_ = false;
  const uc_err error = Start(Code().Op({0xb8}, 1).Op({0xff, 0xd9}));
  if (error != UC_ERR_OK || !cpu_.illegal_instruction_ || cpu_.eip() != at + 5) {
    return Differs("lcall");
  }
  return absl::OkStatus();
}

// mov $0xd5ff,%eax; test %eax,%eax; sahf. sahf sets all status flags except OF, and test clears OF.
absl::Status UnicornCheck::Flags() {
  const Code code = Code().Op({0xb8}, 0xd5ff).Op({0x85, 0xc0}).Op({0x9e}).Done();
  if (!Finishes(code) || Env<uint64_t>(cpu_.layout_.cc_source) != 0xd5) return Differs("cc_src");
  if (cc_operation_ != kCcEflags) return Differs("cc_op");
  if (!Finishes(Code().Op({0x85, 0xc0}).Done()) || cc_operation_ == kCcEflags) {
    return Differs("cc_op");
  }
  return absl::OkStatus();
}

// inc %eax; mov $imm,%eax. Only the first byte of the mov is on a mapped page. The inc must execute
// and the mov must fault.
absl::Status UnicornCheck::StraddlingCode() {
  constexpr uint8_t kBytes[] = {0x40, 0xb8};
  constexpr uint32_t kAt = kUnmapped - sizeof(kBytes);
  std::memcpy(Host(kBase + (kScratchPages * kPageSize) - sizeof(kBytes)), kBytes, sizeof(kBytes));
  const uint32_t before = cpu_.reg(0);
  if (StartAt(kAt) != UC_ERR_OK || vector_ != kPageFaultVector || cpu_.eip() != kAt + 1 ||
      cpu_.reg(0) != before + 1) {
    return Differs("CF_COUNT_MASK");
  }
  return absl::OkStatus();
}

// Sets CR0.TS, loads each segment register with another descriptor, and enters ring 3.
absl::Status UnicornCheck::Segments() {
  if ((cpu_.hflags() & (kHflagsPrivilege | kHflagsCr0Mask)) != 0) return Differs("hflags");
  constexpr uint64_t kDescriptors[] = {
      0,
      0x00cf9b000000ffff,  // 0x08: code, ring 0
      0x00cf93000000ffff,  // 0x10: data, ring 0
      0x00cffb000000ffff,  // 0x18: code, ring 3
      0x00cff3000000ffff,  // 0x20: data, ring 3
      0x1240f3345678abcd,  // 0x28 on: data, ring 3, odd bases and limits
      0x5640f3789abcdef0,
      0x9ac1f3bcdef01234,
      0xdec2f3f012345678,
  };
  std::memcpy(Host(kGdt), kDescriptors, sizeof(kDescriptors));
  uc_x86_mmr gdtr = {};
  gdtr.base = kGdt;
  gdtr.limit = sizeof(kDescriptors) - 1;
  uc_reg_write(cpu_.uc_, UC_X86_REG_GDTR, &gdtr);
  const uint32_t ring3 = Place(Code().Done());
  const Code code = Code()
                        .Op({0x0f, 0x20, 0xc0})  // mov %cr0,%eax
                        .Op({0x0d}, 0xa)         // or $(TS|MP),%eax
                        .Op({0x0f, 0x22, 0xc0})  // mov %eax,%cr0
                        .Op({0xb8}, 0x10)        // mov $0x10,%eax
                        .Op({0x8e, 0xd0})        // mov %eax,%ss
                        .Op({0xbc}, kStack)      // mov $kStack,%esp
                        .Op({0xb8}, 0x2b)
                        .Op({0x8e, 0xc0})  // mov $0x2b,%eax; mov %eax,%es
                        .Op({0xb8}, 0x33)
                        .Op({0x8e, 0xd8})  // ... %ds
                        .Op({0xb8}, 0x3b)
                        .Op({0x8e, 0xe0})  // ... %fs
                        .Op({0xb8}, 0x43)
                        .Op({0x8e, 0xe8})    // ... %gs
                        .Op({0x6a, 0x23})    // push $0x23 (ss)
                        .Op({0x68}, kStack)  // push $kStack (esp)
                        .Op({0x6a, 0x02})    // push $2 (eflags)
                        .Op({0x6a, 0x1b})    // push $0x1b (cs)
                        .Op({0x68}, ring3)   // push $ring3 (eip)
                        .Op({0xcf});         // iret
  if (!Finishes(code)) return Differs("segments");
  constexpr uint16_t kSelectors[] = {0x2b, 0x1b, 0x23, 0x33, 0x3b, 0x43};
  for (int i = 0; i < 6; ++i) {
    if (cpu_.segment(i) != DecodeSegment(kSelectors[i], kDescriptors[kSelectors[i] / 8])) {
      return Differs("segments");
    }
  }
  constexpr uint32_t kExpected = 3 | kHflagsCode32 | kHflagsStack32 | kHflagsAddSegment |
                                 kHflagsProtected | (0xa << kHflagsCr0Shift) | kHflagsSse;
  if ((cpu_.hflags() & (kExpected | kHflagsCr0Mask)) != kExpected) return Differs("hflags");
  return absl::OkStatus();
}

absl::Status UnicornCheck::ExitRequests() {
  const auto high = [this] { return Env<uint16_t>(cpu_.layout_.icount_high); };
  if (!Finishes(Code().Done()) || high() != 0) return Differs("icount_decr");
  CpuExit(cpu_.cpu_);
  if (high() != 0xffff) return Differs("icount_decr");

  constexpr uint32_t kHard = 2;
  auto& request = *reinterpret_cast<uint32_t*>(cpu_.cpu_ + cpu_.layout_.interrupt_request);
  if (request != 0) return Differs("interrupt_request");
  request = kHard;
  CpuResetInterrupt(cpu_.cpu_, kHard);
  if (std::exchange(request, 0) != 0) return Differs("interrupt_request");
  loops_ = 0;
  if (!Finishes(Code().Done()) || loops_ != 0) return Differs("interrupt_request");
  request = kHard;
  if (!Finishes(Code().Done()) || loops_ == 0 || request != kHard) {
    return Differs("interrupt_request");
  }
  return absl::OkStatus();
}

// An exit request in the middle of a block (at cpuid) must wait for the end of the block. By
// default the library exits at the next load or store, and then starts the block again from its
// beginning. uc_struct::no_exit_request turns this off. The code of check_exit_request() contains
// its offset:
//   mov tcg_context->uc,%rax; cmpb $0,no_exit_request(%rax)
absl::Status UnicornCheck::ExitAtBlockEnd() {
  uint8_t text[14];
  std::memcpy(text, reinterpret_cast<const void*>(&CheckExitRequest), sizeof(text));
  int32_t offset = 0;
  std::memcpy(&offset, text + 9, sizeof(offset));
  if (text[7] != 0x80 || text[8] != 0xb8 || text[13] != 0 ||
      offset != cpu_.layout_.no_exit_request) {
    return Differs("no_exit_request");
  }
  auto& no_exit_request = reinterpret_cast<uint8_t*>(cpu_.uc_)[cpu_.layout_.no_exit_request];
  if (no_exit_request != 0) return Differs("no_exit_request");
  no_exit_request = 1;

  cpuids_ = 0;
  loops_ = 0;
  request_exit_at_cpuid_ = true;
  const Code code = Code()
                        .Op({0x0f, 0xa2})         // cpuid
                        .Op({0x36, 0xa1}, kData)  // mov %ss:kData,%eax
                        .Op({0xeb, 0x00})         // jmp to the next block
                        .Done();
  const bool finished = Finishes(code);
  request_exit_at_cpuid_ = false;
  if (!finished || cpuids_ != 1 || loops_ < 2) return Differs("no_exit_request");
  return absl::OkStatus();
}

// mov %es,%eax; mov %eax,%es; int $kResumeVector; int $kDoneVector. Each instruction except the
// first ends its block. In the first run the loop translates each next block. In the second run a
// block jumps directly to the next one.
absl::Status UnicornCheck::BlockChaining() {
  const Code code = Code().Op({0x8c, 0xc0}).Op({0x8e, 0xc0}).Op({0xcd, kResumeVector}).Done();
  const uint32_t at = Place(code);
  loops_ = 0;
  if (!FinishesAt(at)) return Differs("next block");
  const int loops_when_new = std::exchange(loops_, 0);
  if (!FinishesAt(at) || loops_ != loops_when_new - 2) return Differs("next block");
  return absl::OkStatus();
}

absl::Status UnicornCheck::StopRequest() {
  stop_ = true;
  const Code code = Code().Done();
  const uint32_t at = kCode + used_;
  if (Start(code) != UC_ERR_OK || vector_ != 0 || cpu_.eip() != at) return Differs("stopping");
  return absl::OkStatus();
}

absl::Status CheckUnicorn(UnicornInternals& cpu, std::byte* scratch, uint64_t scratch_frame,
                          bool counted) {
  UnicornCheck check(cpu, std::span(scratch, size_t{kScratchPages} * kPageSize), scratch_frame);
  cpu.set_client(&check);
  absl::Status status = check.Run();
  if (status.ok() && counted) status = check.RunCounted();
  cpu.set_client(nullptr);
  return status;
}

}  // namespace lguest::hostsim
