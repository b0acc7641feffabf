// What a process may ask of the kernel, by `int $0x80`: the number in %eax, arguments in %ebx and
// %ecx, the result in %eax. Shared by the kernel and its user programs.

#ifndef TESTDATA_GUEST_SYSCALLS_H_
#define TESTDATA_GUEST_SYSCALLS_H_

#include <cstdint>

namespace guest {

enum class SystemCall : uint32_t {
  kExit = 0,    // (code): does not return
  kWrite = 1,   // (text, bytes) -> bytes
  kYield = 2,   // (): lets others run
  kGetPid = 3,  // () -> number of the process
  kFork = 4,    // () -> the child's number, 0 in the child
  kWait = 5,    // (pid) -> its exit code, once it has ended
  kSleep = 6,   // (milliseconds)
  kSetTls = 7,  // (address): kTlsSelector names a page of memory there from now on
};

inline constexpr uint32_t kSystemCallError = 0xffffffff;

// Where a process has what. Everything between is out of its bounds.
inline constexpr uint32_t kUserImage = 0x0040'0000;
inline constexpr uint32_t kUserHeap = 0x1000'0000;
inline constexpr uint32_t kUserHeapBytes = 0x0040'0000;
inline constexpr uint32_t kUserStackTop = 0xB000'0000;
inline constexpr uint32_t kUserStackBytes = 0x0010'0000;

// What a process loads into %gs after kSetTls: entry 6 of the GDT, at ring 3.
inline constexpr uint16_t kTlsSelector = 0x33;

// The programs in the user image; the kernel starts one with its number in %eax and an argument in
// %ebx.
enum class Program : uint32_t {
  kHello,        // prints two lines
  kSystemCalls,  // tries every system call; exit code 0 or the number of the check that failed
  kMath,         // computes with the FPU, letting others run in between; argument: where to start
  kTls,          // keeps a value in thread-local storage; argument: the value
  kSpin,         // never ends of its own accord
  kSleeper,      // sleeps five times and exits with 42
  kDemandPages,  // touches fresh memory everywhere
  kCopyOnWrite,  // forks and writes
  kPatchItself,  // modifies its own code
  kStress,       // fills memory, forks, and looks at all it has; argument: with what
  kFault,        // argument: a Misdeed
  kCounter,      // prints as many lines, sleeping in between; argument: (letter << 8) | lines
};

// What kFault does.
enum class Misdeed : uint32_t {
  kWriteNull,
  kReadKernel,
  kJumpToKernel,
  kUndefinedInstruction,
  kDivideByZero,
  kHalt,
  kHypercall,
  kIn,
  kBreak,
};

// The kernel's side of it.
void InitSystemCalls();

}  // namespace guest

#endif  // TESTDATA_GUEST_SYSCALLS_H_
