// Programs that test processes: system calls, scheduling, the FPU, thread-local storage.

#include "testdata/guest/user.h"

namespace guest {
namespace {

constexpr uint32_t kKernelAddress = 0xC0100000;

uint32_t thread_local_word;

uint32_t ReadTls() {
  uint32_t value;
  asm volatile("movl %%gs:0, %0" : "=r"(value));
  return value;
}

}  // namespace

uint32_t TrySystemCalls() {
  const uint32_t pid = CallKernel(SystemCall::kGetPid);
  if (pid == 0 || pid != CallKernel(SystemCall::kGetPid)) return 1;
  if (CallKernel(SystemCall::kWrite, kKernelAddress, 4) != kSystemCallError) return 2;
  if (CallKernel(SystemCall::kWrite, 0, 1) != kSystemCallError) return 3;
  if (CallKernel(static_cast<SystemCall>(1000)) != kSystemCallError) return 4;
  if (CallKernel(SystemCall::kWait, 1000) != kSystemCallError) return 5;
  if (CallKernel(SystemCall::kYield) != 0) return 6;
  const uint32_t child = CallKernel(SystemCall::kFork);
  if (child == 0) return 77;
  if (CallKernel(SystemCall::kWait, child) != 77) return 7;
  return 0;
}

// The sum stays on the FPU stack, because the compiler does not use the FPU. Only a kernel that
// switches the FPU correctly preserves the sum while the other process runs.
uint32_t ComputeWithFpu(uint32_t start) {
  constexpr uint32_t kTerms = 1000;
  constexpr float kHalf = 0.5F;
  asm volatile("fildl %0" : : "m"(start));
  for (uint32_t term = 1; term <= kTerms; ++term) {
    CallKernel(SystemCall::kYield);
    asm volatile("fildl %0; fmuls %1; faddp" : : "m"(term), "m"(kHalf));
  }
  uint32_t sum = 0;
  asm volatile("fistpl %0" : "=m"(sum));
  return sum;
}

uint32_t UseTls(uint32_t value) {
  thread_local_word = value;
  CallKernel(SystemCall::kSetTls, reinterpret_cast<uint32_t>(&thread_local_word));
  asm volatile("movw %0, %%gs" : : "r"(kTlsSelector));
  for (int i = 0; i < 20; ++i) {
    CallKernel(SystemCall::kYield);
    if (ReadTls() != value + i) return 0;
    asm volatile("incl %%gs:0" : : : "memory");
  }
  return thread_local_word;
}

uint32_t Spin() {
  for (;;) asm volatile("");
}

uint32_t SleepAndExit() {
  for (int i = 0; i < 5; ++i) CallKernel(SystemCall::kSleep, 20);
  return 42;
}

}  // namespace guest
