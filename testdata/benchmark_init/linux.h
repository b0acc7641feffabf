// Linux 2.6 system calls on i386, by number, for a program without a C library.

#ifndef TESTDATA_BENCHMARK_INIT_LINUX_H_
#define TESTDATA_BENCHMARK_INIT_LINUX_H_

#include <cstddef>
#include <cstdint>

namespace benchmark_init {

enum class Call : uint32_t {
  kExit = 1,
  kFork = 2,
  kRead = 3,
  kWrite = 4,
  kOpen = 5,
  kClose = 6,
  kWaitpid = 7,
  kExecve = 11,
  kMknod = 14,
  kLseek = 19,
  kMount = 21,
  kMkdir = 39,
  kPipe = 42,
  kGetppid = 64,
  kReboot = 88,
  kMmap = 90,  // the old mmap: a pointer to six words
  kMunmap = 91,
  kClockGettime = 265,
};

// Makes a system call and returns the kernel's result. A negative errno is an error.
inline int32_t Do(Call call, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0, uint32_t d = 0,
                  uint32_t e = 0) {
  auto result = static_cast<uint32_t>(call);
  asm volatile("int $0x80" : "+a"(result) : "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
  return static_cast<int32_t>(result);
}

inline uint32_t Word(const volatile void* pointer) { return reinterpret_cast<uint32_t>(pointer); }

// Nanoseconds of the monotonic clock since the system started.
inline uint64_t Now() {
  constexpr uint32_t kMonotonic = 1;
  struct {
    uint32_t seconds;
    uint32_t nanoseconds;
  } time = {};
  Do(Call::kClockGettime, kMonotonic, Word(&time));
  return uint64_t{time.seconds} * 1'000'000'000 + time.nanoseconds;
}

}  // namespace benchmark_init

#endif  // TESTDATA_BENCHMARK_INIT_LINUX_H_
