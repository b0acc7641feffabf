// System calls, made with `int $0x80`: the number in %eax, arguments in %ebx and %ecx, the result
// in %eax. The kernel and its user programs share this file.

#ifndef TESTDATA_GUEST_SYSCALLS_H_
#define TESTDATA_GUEST_SYSCALLS_H_

#include <cstdint>

namespace guest {

enum class SystemCall : uint32_t {
  kExit = 0,    // (code), does not return
  kWrite = 1,   // (text, bytes) -> bytes
  kYield = 2,   // (): yields the CPU
  kGetPid = 3,  // () -> pid
  kFork = 4,    // () -> pid of the child, 0 in the child
  kWait = 5,    // (pid) -> its exit code, after its end
  kSleep = 6,   // (milliseconds)
  kSetTls = 7,  // (address): sets the base of kTlsSelector's segment, of one page
};

inline constexpr uint32_t kSystemCallError = 0xffffffff;

// The memory layout of a process. All other addresses are invalid.
inline constexpr uint32_t kUserImage = 0x0040'0000;
inline constexpr uint32_t kUserHeap = 0x1000'0000;
inline constexpr uint32_t kUserHeapBytes = 0x0040'0000;
inline constexpr uint32_t kUserStackTop = 0xB000'0000;
inline constexpr uint32_t kUserStackBytes = 0x0010'0000;

// A process loads this into %gs after kSetTls: entry 6 of the GDT, ring 3.
inline constexpr uint16_t kTlsSelector = 0x33;

// The programs in the user image. The kernel starts one with its number in %eax and an argument in
// %ebx.
enum class Program : uint32_t {
  kHello,        // prints two lines
  kSystemCalls,  // tries every system call; exit code 0 or the number of the check that failed
  kMath,         // computes with the FPU and yields in between; argument: start value
  kTls,          // keeps a value in thread-local storage; argument: the value
  kSpin,         // loops forever
  kSleeper,      // sleeps five times and exits with 42
  kDemandPages,  // touches new pages of each area
  kCopyOnWrite,  // forks and writes
  kPatchItself,  // modifies its own code
  kStress,       // fills memory, forks, and checks all pages; argument: seed
  kFault,        // argument: a UserFault
  kCounter,      // prints lines and sleeps in between; argument: (letter << 8) | lines
};

// The fault that kFault causes.
enum class UserFault : uint32_t {
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

// Sets up system calls in the kernel.
void InitSystemCalls();

}  // namespace guest

#endif  // TESTDATA_GUEST_SYSCALLS_H_
