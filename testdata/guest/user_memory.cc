// Programs that test memory: new pages, shared pages, changed code, and invalid accesses.

#include "testdata/guest/memory.h"
#include "testdata/guest/user.h"

namespace guest {
namespace {

constexpr uint32_t kHeapPages = 64;

uint32_t counter = 1;

// The frame is a little more than half a page, so that each call reaches a new page of the stack.
[[gnu::noinline]] uint32_t Descend(uint32_t depth) {
  volatile char frame[2500];
  frame[0] = static_cast<char>(depth);
  if (depth == 0) return 0;
  const uint32_t below = Descend(depth - 1);
  return below + static_cast<uint8_t>(frame[0]);
}

}  // namespace

uint32_t TouchFreshMemory() {
  for (uint32_t page = 0; page < kHeapPages; ++page) {
    auto* word = reinterpret_cast<volatile uint32_t*>(kUserHeap + page * kPageSize);
    if (*word != 0) return 1;
    *word = page + 1;
  }
  for (uint32_t page = 0; page < kHeapPages; ++page) {
    if (*reinterpret_cast<volatile uint32_t*>(kUserHeap + page * kPageSize) != page + 1) return 2;
  }
  return Descend(100) == 100 * 101 / 2 ? 0 : 3;
}

uint32_t ForkAndWrite() {
  auto* word = reinterpret_cast<volatile uint32_t*>(kUserHeap);
  *word = 100;
  ++counter;
  const uint32_t child = CallKernel(SystemCall::kFork);
  if (child == 0) {
    // The parent must not see this.
    *word = *word + 1;
    ++counter;
    CallKernel(SystemCall::kYield);
    return *word == 101 && counter == 3 ? 55 : 1;
  }
  CallKernel(SystemCall::kYield);
  if (*word != 100 || counter != 2) return 1;
  *word = 200;
  if (CallKernel(SystemCall::kWait, child) != 55) return 2;
  return *word == 200 ? 0 : 3;
}

uint32_t PatchItself() {
  // movl $n, %eax; ret
  auto* code = reinterpret_cast<volatile uint8_t*>(kUserHeap);
  code[0] = 0xb8;
  for (int i = 2; i < 5; ++i) code[i] = 0;
  code[5] = 0xc3;
  uint32_t sum = 0;
  for (uint8_t n = 1; n <= 100; ++n) {
    code[1] = n;
    sum += reinterpret_cast<uint32_t (*)()>(kUserHeap)();
  }
  return sum;
}

uint32_t CauseFault(UserFault fault) {
  constexpr uint32_t kKernel = 0xC0100000;
  switch (fault) {
    case UserFault::kWriteNull:
      asm volatile("movl $1, 0x10");
      break;
    case UserFault::kReadKernel:
      asm volatile("movl (%0), %%eax" : : "r"(kKernel) : "eax");
      break;
    case UserFault::kJumpToKernel:
      asm volatile("jmp *%0" : : "r"(kKernel));
      break;
    case UserFault::kUndefinedInstruction:
      asm volatile("ud2");
      break;
    case UserFault::kDivideByZero:
      asm volatile("xorl %%ecx, %%ecx; divl %%ecx" : : : "eax", "ecx", "edx");
      break;
    case UserFault::kHalt:
      asm volatile("hlt");
      break;
    case UserFault::kHypercall:
      asm volatile("int $0x1f");
      break;
    case UserFault::kIn:
      asm volatile("inb $0x80, %%al" : : : "eax");
      break;
    case UserFault::kBreak:
      asm volatile("int3");
      break;
  }
  return 0;
}

}  // namespace guest
