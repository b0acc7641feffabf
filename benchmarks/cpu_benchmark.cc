// The cost of guest exits on each virtual CPU. An iteration is 1000 exits.
//
//   a hypercall that does nothing                 beside a bare CPU exit and entry
//   a page fault that the guest's handler serves  beside a bare CPU exit and entry

#include <cstdint>
#include <cstdlib>
#include <utility>
#include <variant>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/small_guest.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/abi.h"
#include "launcher/host/host.h"

namespace lguest {
namespace {

constexpr int kTimes = 1000;
constexpr uint32_t kPageFaultVector = 14;

constexpr uint32_t kDma = SmallGuest::kFree + kPageSize;

using MachineCode = std::vector<uint8_t>;

void Append(MachineCode& code, const MachineCode& more) {
  code.insert(code.end(), more.begin(), more.end());
}

// Sets %eax, %edx, %ebx and %ecx, and makes a hypercall.
MachineCode CallHost(Hypercall call, uint32_t edx, uint32_t ebx, uint32_t ecx) {
  MachineCode code;
  const std::pair<uint8_t, uint32_t> registers[] = {
      {0xb8, static_cast<uint32_t>(call)}, {0xba, edx}, {0xbb, ebx}, {0xb9, ecx}};
  for (const auto& [mov, value] : registers) {
    code.push_back(mov);
    for (int shift = 0; shift < 32; shift += 8) {
      code.push_back(static_cast<uint8_t>(value >> shift));
    }
  }
  Append(code, {0xcd, 0x1f});
  return code;
}

// Runs `setup`, then loops forever: `what` 1000 times, then a SEND_DMA, at which the host returns.
// %esi counts.
MachineCode Repeat(const MachineCode& setup, const MachineCode& what) {
  const auto back = [](size_t bytes) { return static_cast<uint8_t>(-static_cast<int>(bytes)); };
  MachineCode loop = {0xbe, 0xe8, 3, 0, 0};                 // 1: mov $1000,%esi
  Append(loop, what);                                       // 2: ...
  Append(loop, {0x4e, 0x75, back(what.size() + 3)});        // dec %esi; jnz 2b
  Append(loop, CallHost(Hypercall::kSendDma, 0, kDma, 0));  // ...
  Append(loop, {0xeb, back(loop.size() + 2)});              // jmp 1b

  MachineCode code = {0xbc, 0, 0, 0x30, 0xc0};  // mov $0xc0300000,%esp
  Append(code, CallHost(Hypercall::kLguestInit, SmallGuest::kFree, 0, 0));
  Append(code, setup);
  Append(code, loop);
  return code;
}

// Measures a guest built by Repeat().
void MeasureGuest(benchmark::State& state, CpuFactory make_cpu, const MachineCode& code) {
  SmallGuest guest(make_cpu, code, nullptr);
  for (auto _ : state) {
    const auto exit = guest.host().Run();
    if (!exit.ok()) return state.SkipWithError("the CPU failed");
    if (const Died* died = std::get_if<Died>(&*exit)) {
      return state.SkipWithError(died->reason.c_str());
    }
  }
  state.SetItemsProcessed(kTimes * state.iterations());
}

// Skips the trapping instruction by adding `skip` bytes to %eip, and ends the run after enough
// traps.
class Skipper final : public hostsim::TrapHandler {
 public:
  Skipper(hostsim::Vcpu& cpu, uint32_t skip) : cpu_(cpu), skip_(skip) {}

  bool OnTrap(const hostsim::Trap& /*trap*/) override {
    if (skip_ != 0) {
      cpu_.Set(hostsim::Register::kEip, cpu_.Get(hostsim::Register::kEip) + skip_);
    }
    return ++traps_ % kTimes != 0;
  }

 private:
  hostsim::Vcpu& cpu_;
  const uint32_t skip_;
  int traps_ = 0;
};

// Measures traps that only Skipper handles.
void MeasureTraps(benchmark::State& state, CpuFactory make_cpu, const MachineCode& code,
                  uint32_t skip) {
  SmallGuest guest(make_cpu, code, nullptr);
  Skipper skipper(guest.cpu(), skip);
  for (auto _ : state) {
    if (guest.cpu().Run(skipper).value() != hostsim::Vcpu::Stop::kHandler) std::abort();
  }
  state.SetItemsProcessed(kTimes * state.iterations());
}

void BM_Hypercall(benchmark::State& state, CpuFactory make_cpu) {
  // xor %eax,%eax; int $0x1f
  MeasureGuest(state, make_cpu, Repeat({}, {0x31, 0xc0, 0xcd, 0x1f}));
}
BENCHMARK_CAPTURE(BM_Hypercall, soft, MakeSoftCpu)->Unit(benchmark::kMicrosecond);

void BM_Limit_Hypercall(benchmark::State& state, CpuFactory make_cpu) {
  MeasureTraps(state, make_cpu, {0x31, 0xc0, 0xcd, 0x1f, 0xeb, 0xfa}, 0);  // 1: …; jmp 1b
}
BENCHMARK_CAPTURE(BM_Limit_Hypercall, soft, MakeSoftCpu)->Unit(benchmark::kMicrosecond);

// mov 0x10,%eax: address 0x10 is not mapped.
const MachineCode& Fault() {
  static const auto* const kCode = new MachineCode{0xa1, 0x10, 0, 0, 0};
  return *kCode;
}

void BM_PageFault(benchmark::State& state, CpuFactory make_cpu) {
  // The handler comes first. It skips the instruction that faulted.
  MachineCode code = {
      0xeb, 0x08,           // jmp 1f
      0x83, 0xc4, 4,        // add $4,%esp: the error code
      0x83, 0x04, 0x24, 5,  // addl $5,(%esp): the length of the instruction
      0xcf,                 // iret
  };  // 1:
  constexpr uint32_t kHandler = SmallGuest::kCode + 2;
  constexpr uint32_t kLow = uint32_t{kGuestKernelCs} << 16 | (kHandler & 0xffff);
  constexpr uint32_t kHigh = (kHandler & 0xffff0000) | 0x8f00;  // a trap gate
  Append(code, Repeat(CallHost(Hypercall::kLoadIdtEntry, kPageFaultVector, kLow, kHigh), Fault()));
  MeasureGuest(state, make_cpu, code);
}
BENCHMARK_CAPTURE(BM_PageFault, soft, MakeSoftCpu)->Unit(benchmark::kMicrosecond);

void BM_Limit_PageFault(benchmark::State& state, CpuFactory make_cpu) {
  MachineCode code = Fault();
  const uint32_t skip = static_cast<uint32_t>(code.size());
  Append(code, {0xeb, 0xf9});  // jmp to the start
  MeasureTraps(state, make_cpu, code, skip);
}
BENCHMARK_CAPTURE(BM_Limit_PageFault, soft, MakeSoftCpu)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace lguest
