// The cost of exact instruction counts on the software CPU: loops of guest code with counting on,
// beside the same loops with counting off, and stops at a count. An iteration is about 100,000
// instructions.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/small_guest.h"
#include "hostsim/counted_runs.h"
#include "hostsim/vcpu.h"

namespace lguest {
namespace {

using MachineCode = std::vector<uint8_t>;

// Ends each run at the first trap.
class StopAtTrap final : public hostsim::TrapHandler {
 public:
  bool OnTrap(const hostsim::Trap& /*trap*/) override { return false; }
};

// Loops forever: `body` `times` times, then an interrupt, at which the CPU stops. %esi counts.
MachineCode Loop(uint32_t times, const MachineCode& body) {
  const auto back = [](size_t bytes) { return static_cast<uint8_t>(-static_cast<int>(bytes)); };
  MachineCode loop = {0xbe};  // 1: mov $times,%esi
  for (int shift = 0; shift < 32; shift += 8) loop.push_back(static_cast<uint8_t>(times >> shift));
  loop.insert(loop.end(), body.begin(), body.end());                         // 2: ...
  loop.insert(loop.end(), {0x4e, 0x75, back(body.size() + 3), 0xcd, 0x99});  // dec; jnz 2b; int
  loop.insert(loop.end(), {0xeb, back(loop.size() + 2)});                    // jmp 1b

  loop.insert(loop.begin(), {0xbc, 0, 0, 0x30, 0xc0});  // mov $0xc0300000,%esp, before the loop
  return loop;
}

// Blocks of two instructions.
MachineCode Tight() { return Loop(50'000, {}); }

// mov %esp,%eax and 4 times: push %eax; pop %ebx; mov %ebx,%ecx
MachineCode Memory() {
  MachineCode body = {0x89, 0xe0};
  for (int i = 0; i < 4; ++i) body.insert(body.end(), {0x50, 0x5b, 0x89, 0xd9});
  return Loop(6'600, body);
}

// jmp 1f; 2: ret; 1: call 2b; call 2b
MachineCode Calls() {
  return Loop(14'000, {0xeb, 1, 0xc3, 0xe8, 0xfa, 0xff, 0xff, 0xff, 0xe8, 0xf5, 0xff, 0xff, 0xff});
}

void Measure(benchmark::State& state, CpuFactory make_cpu, const MachineCode& code) {
  SmallGuest guest(make_cpu, code, nullptr);
  StopAtTrap handler;
  for (auto _ : state) {
    if (guest.cpu().Run(handler).value() != hostsim::Vcpu::Stop::kHandler) std::abort();
    if (guest.cpu().Get(hostsim::Register::kEsi) != 0) return state.SkipWithError("a fault");
  }
}

void BM_Counted(benchmark::State& state, const MachineCode& code) {
  Measure(state, MakeCountedSoftCpu, code);
}
BENCHMARK_CAPTURE(BM_Counted, tight, Tight())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Counted, memory, Memory())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Counted, calls, Calls())->Unit(benchmark::kMicrosecond);

void BM_Limit_Counted(benchmark::State& state, const MachineCode& code) {
  Measure(state, MakeSoftCpu, code);
}
BENCHMARK_CAPTURE(BM_Limit_Counted, tight, Tight())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Limit_Counted, memory, Memory())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Limit_Counted, calls, Calls())->Unit(benchmark::kMicrosecond);

// 100 stops in one iteration.
void BM_CountStops(benchmark::State& state) {
  SmallGuest guest(MakeCountedSoftCpu, Memory(), nullptr);
  StopAtTrap handler;
  hostsim::CountedRuns& counted = *guest.cpu().counted();
  for (auto _ : state) {
    for (int stops = 0; stops < 100;) {
      counted.StopAt(counted.count() + 1001);
      while (guest.cpu().Run(handler).value() != hostsim::Vcpu::Stop::kCount) {
      }
      ++stops;
    }
  }
}
BENCHMARK(BM_CountStops)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace lguest
