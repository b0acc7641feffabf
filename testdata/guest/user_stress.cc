// A program that detects the loss of a register or a page, and changes of its memory by another
// process.

#include "testdata/guest/memory.h"
#include "testdata/guest/user.h"

namespace guest {
namespace {

constexpr uint32_t kPages = 256;
constexpr uint32_t kWords = kPageSize / sizeof(uint32_t);
constexpr uint32_t kChildsCode = 99;

volatile uint32_t* Page(uint32_t index) {
  return reinterpret_cast<volatile uint32_t*>(kUserHeap + index * kPageSize);
}

// A sequence of numbers that differs for each page and seed.
constexpr uint32_t First(uint32_t page, uint32_t seed) {
  return (seed * kPages + page) * 2654435761u | 1;
}
constexpr uint32_t Next(uint32_t number) {
  number ^= number << 13;
  number ^= number >> 17;
  return number ^ number << 5;
}

void Fill(uint32_t page, uint32_t seed) {
  uint32_t number = First(page, seed);
  for (uint32_t i = 0; i < kWords; ++i, number = Next(number)) Page(page)[i] = number;
}

bool Holds(uint32_t page, uint32_t seed) {
  uint32_t number = First(page, seed);
  for (uint32_t i = 0; i < kWords; ++i, number = Next(number)) {
    if (Page(page)[i] != number) return false;
  }
  return true;
}

// Checks that interrupts and a system call keep all registers except %eax.
bool RegistersSurvive(uint32_t pid, uint32_t seed) {
  uint32_t turns = 5000;
  auto eax = static_cast<uint32_t>(SystemCall::kGetPid);
  uint32_t ebx = seed;
  uint32_t ecx = ~seed;
  uint32_t edx = seed * 3;
  uint32_t esi = ~seed * 5;
  uint32_t edi = seed * 7;
  asm volatile(
      "1: decl %0\n\t"
      "jnz 1b\n\t"
      "int $0x80"
      : "+m"(turns), "+a"(eax), "+b"(ebx), "+c"(ecx), "+d"(edx), "+S"(esi), "+D"(edi));
  return eax == pid && ebx == seed && ecx == ~seed && edx == seed * 3 && esi == ~seed * 5 &&
         edi == seed * 7;
}

}  // namespace

uint32_t Stress(uint32_t seed) {
  const uint32_t parent = CallKernel(SystemCall::kGetPid);
  for (uint32_t page = 0; page < kPages; ++page) {
    if (*Page(page) != 0) return 1;
    if (!RegistersSurvive(parent, seed + page)) return 2;
    Fill(page, seed);
  }
  const uint32_t child = CallKernel(SystemCall::kFork);
  const uint32_t pid = child == 0 ? CallKernel(SystemCall::kGetPid) : parent;
  const uint32_t next_seed = child == 0 ? seed + 1 : seed + 2;
  for (uint32_t page = 0; page < kPages; ++page) {
    if (!Holds(page, seed)) return 3;
    if (!RegistersSurvive(pid, seed + page)) return 4;
    Fill(page, next_seed);
  }
  for (uint32_t page = 0; page < kPages; ++page) {
    if (!Holds(page, next_seed)) return 5;
  }
  if (child == 0) return kChildsCode;
  return CallKernel(SystemCall::kWait, child) == kChildsCode ? 0 : 6;
}

}  // namespace guest
