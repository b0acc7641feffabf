// Functions that ring 3 programs use in place of a C library.

#ifndef TESTDATA_GUEST_USER_H_
#define TESTDATA_GUEST_USER_H_

#include <cstdint>
#include <string_view>

#include "testdata/guest/syscalls.h"

namespace guest {

inline uint32_t CallKernel(SystemCall call, uint32_t first = 0, uint32_t second = 0) {
  auto result = static_cast<uint32_t>(call);
  asm volatile("int $0x80" : "+a"(result) : "b"(first), "c"(second) : "memory");
  return result;
}

inline void Write(std::string_view text) {
  CallKernel(SystemCall::kWrite, reinterpret_cast<uint32_t>(text.data()), text.size());
}

// The programs. Each returns its exit code.
uint32_t Hello();
uint32_t TrySystemCalls();
uint32_t ComputeWithFpu(uint32_t start);
uint32_t UseTls(uint32_t value);
uint32_t Spin();
uint32_t SleepAndExit();
uint32_t TouchFreshMemory();
uint32_t ForkAndWrite();
uint32_t PatchItself();
uint32_t Stress(uint32_t seed);
uint32_t CauseFault(UserFault fault);
uint32_t CountLines(char letter, uint32_t lines);

}  // namespace guest

#endif  // TESTDATA_GUEST_USER_H_
