// The experiments behind CheckUnicorn().

#ifndef HOSTSIM_SOFTCPU_UNICORN_EXPERIMENTS_H_
#define HOSTSIM_SOFTCPU_UNICORN_EXPERIMENTS_H_

#include <unicorn/unicorn.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "hostsim/i386/page_walk.h"
#include "hostsim/softcpu/machine_code.h"
#include "hostsim/softcpu/unicorn_internals.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {

// Runs the experiments. As the client of the CPU, it also records the library's calls.
class UnicornCheck : public UnicornClient {
 public:
  UnicornCheck(UnicornInternals& cpu, std::span<std::byte> scratch, uint64_t scratch_frame)
      : cpu_(cpu), scratch_(scratch), scratch_frame_(scratch_frame) {}

  absl::Status Run();
  // The experiments with the instruction counter, after Run(). On success the CPU counts, from 0.
  absl::Status RunCounted();

 private:
  // Virtual addresses of the experiments. Scratch page n is at kBase + n pages. The sequence of
  // scratch pages repeats up to kUnmapped.
  static constexpr uint32_t kBase = 0x10000000;
  static constexpr uint32_t kCode = kBase;
  static constexpr uint32_t kData = kBase + 1 * kPageSize;
  // The initial stack pointer. The stack page lies below it.
  static constexpr uint32_t kStack = kBase + 2 * kPageSize;
  static constexpr uint32_t kGdt = kBase + 3 * kPageSize;
  static constexpr uint32_t kUnmapped = 0x20000000;

  static constexpr uint32_t kTestErrorCode = 0x5a5a5;
  static constexpr uint8_t kPageFaultVector = 14;
  static constexpr uint8_t kResumeVector = 0x30;

  static constexpr int kMmuUser = 1;
  static constexpr int kMmuKernel = 2;

  static absl::Status Differs(const char* what) {
    return absl::FailedPreconditionError(
        absl::StrCat("the linked Unicorn library differs from 2.0.1: ", what));
  }

  // UnicornClient.
  TlbFill FillTlb(uint32_t address, Access /*access*/, bool /*user*/) override {
    ++fills_;
    TlbFill fill;
    fill.error_code = kTestErrorCode;
    if (address < kBase || address >= kUnmapped) return fill;
    fill.mapped = true;
    fill.writable = true;
    fill.frame = scratch_frame_ + (address - kBase) % scratch_.size() / kPageSize * kPageSize;
    return fill;
  }
  bool ShouldStop() override {
    ++loops_;
    return stop_;
  }
  bool OnException(uint8_t vector, bool software, uint32_t error_code) override {
    vector_ = vector;
    software_ = software;
    error_code_ = error_code;
    cc_operation_ = Env<uint32_t>(cpu_.layout_.cc_operation);
    return vector == kResumeVector;
  }
  CpuidResult Cpuid(uint32_t leaf) override {
    ++cpuids_;
    if (request_exit_at_cpuid_) cpu_.RequestExit();
    return {.eax = leaf + 1, .ebx = 0xb, .ecx = 0xc, .edx = 0xd};
  }

  std::byte* Host(uint32_t address) const { return scratch_.data() + (address - kBase); }
  bool IsHost(uint64_t launcher_address, uint32_t address) const {
    return launcher_address == reinterpret_cast<uintptr_t>(Host(address));
  }

  // Copies `code` to an unused address and returns that address. Code at a used address could be
  // translated already.
  uint32_t Place(const Code& code) {
    const uint32_t at = kCode + used_;
    std::memcpy(Host(at), code.Bytes().data(), code.Bytes().size());
    used_ += static_cast<uint32_t>(code.Bytes().size() + 15) & ~15u;
    return at;
  }
  uc_err StartAt(uint32_t address) {
    const UnicornInternals::Scope scope(&cpu_);
    vector_ = 0;
    return uc_emu_start(cpu_.uc_, address, 0, 0, 0);
  }
  uc_err Start(const Code& code) { return StartAt(Place(code)); }
  // Runs code that ends with Done(). Returns true if it reached its end.
  bool FinishesAt(uint32_t address) {
    return StartAt(address) == UC_ERR_OK && vector_ == kDoneVector && software_;
  }
  bool Finishes(const Code& code) { return FinishesAt(Place(code)); }

  template <typename T>
  T Env(ptrdiff_t offset) const {
    return cpu_.EnvField<T>(offset);
  }

  // The experiments. Run() executes them in a fixed order, and each relies on those before it.
  absl::Status Version();
  absl::Status Alignment();
  absl::Status RamAddresses();
  absl::Status Environment();
  absl::Status PageFault();
  absl::Status Hooks();
  absl::Status GeneralRegisters();
  absl::Status Tlb();
  absl::Status JumpCache();
  absl::Status InvalidFarCall();
  absl::Status Flags();
  absl::Status StraddlingCode();
  absl::Status Segments();
  absl::Status UserTlb();
  absl::Status ExitRequests();
  absl::Status ExitAtBlockEnd();
  absl::Status BlockChaining();
  absl::Status StopRequest();
  absl::Status Padding();
  absl::Status BlockLimit();
  absl::Status CountedBlock();
  absl::Status CountedFault();
  absl::Status CountedTimeStamp();

  absl::Status TlbSanity(int mmu_index);
  // True if the TLB has an entry of `page` in its slot, and the entry maps to Host(host_of).
  bool TlbHolds(int mmu_index, uint32_t page, uint32_t host_of) const;

  UnicornInternals& cpu_;
  const std::span<std::byte> scratch_;  // whole pages
  const uint64_t scratch_frame_;
  uint32_t used_ = 0;

  // Results: calls of the library since they were last reset.
  int fills_ = 0;
  int loops_ = 0;
  int cpuids_ = 0;
  uint8_t vector_ = 0;
  bool software_ = false;
  uint32_t error_code_ = 0;
  uint32_t cc_operation_ = 0;

  // Set by an experiment.
  bool stop_ = false;
  bool request_exit_at_cpuid_ = false;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_UNICORN_EXPERIMENTS_H_
