// Checks that the shim is installed and works. This is a program without a test framework, so that
// it is static and as minimal as the launcher.
//
// usage: shim_check new|old    (the expected kernel)

#include <elf.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <random>
#include <string_view>
#include <thread>

#include "launcher/syscall_shim/kernel_call.h"
#include "launcher/syscall_shim/shim.h"

namespace {

using ::lguest::syscall_shim::AddressOf;
using ::lguest::syscall_shim::KernelCall;

bool failed = false;

void Expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("FAILED: %s\n", what);
  failed = true;
}

// Calls the kernel directly, without the shim.
void CheckKernel(bool is_old) {
  int ends[2];
  const int32_t pipe2 = KernelCall(SYS_pipe2, AddressOf(&ends[0]), 0);
  Expect((pipe2 == -ENOSYS) == is_old, "only a new kernel has pipe2()");
  struct timespec now;
  const int32_t raw_clock = KernelCall(SYS_clock_gettime, CLOCK_MONOTONIC_RAW, AddressOf(&now));
  Expect((raw_clock == -EINVAL) == is_old, "only a new kernel has CLOCK_MONOTONIC_RAW");
  struct stat64 file;
  const int32_t empty_path =
      KernelCall(SYS_fstatat64, 0, AddressOf(""), AddressOf(&file), AT_EMPTY_PATH);
  Expect((empty_path == -EINVAL) == is_old, "only a new kernel has AT_EMPTY_PATH");
  uint32_t word = 0;
  const int32_t bitset = KernelCall(SYS_futex, AddressOf(&word), FUTEX_WAIT_BITSET_PRIVATE, 1);
  Expect((bitset == -ENOSYS) == is_old, "only a new kernel has FUTEX_WAIT_BITSET");
}

void CheckInForce() {
  const auto shim = [] {
    void (*entry)();
    asm volatile("movl %%gs:16, %0" : "=r"(entry));
    return entry;
  };
  Expect(shim() == SyscallShim, "system calls go through the shim");
  void (*in_thread)() = nullptr;
  std::thread([&] { in_thread = shim(); }).join();
  Expect(in_thread == SyscallShim, "system calls of threads go through the shim");
}

void CheckRegistersAreKept() {
  int ends[2] = {-1, -1};
  int32_t number = SYS_pipe2;
  auto first = AddressOf(&ends[0]);
  int32_t second = 0;
  int32_t third = 0x33333333;
  int32_t fourth = 0x44444444;
  int32_t fifth = 0x55555555;
  asm volatile("call *%%gs:16"
               : "+a"(number), "+b"(first), "+c"(second), "+d"(third), "+S"(fourth), "+D"(fifth)
               :
               : "memory", "cc");
  Expect(number == 0, "pipe2() without flags works");
  Expect(first == AddressOf(&ends[0]) && second == 0 && third == 0x33333333 &&
             fourth == 0x44444444 && fifth == 0x55555555,
         "the shim preserves all registers");
  Expect(ends[0] > 2 && close(ends[0]) == 0 && close(ends[1]) == 0, "the pipe has two descriptors");
}

void CheckCalls() {
  int ends[2];
  Expect(pipe(ends) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0, "pipe()");
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  struct stat file;
  Expect(fstat(fd, &file) == 0 && S_ISCHR(file.st_mode), "fstat()");
  Expect(fstat(-1, &file) != 0 && errno == EBADF, "fstat() of a bad descriptor");
  close(fd);
  for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
                                CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME}) {
    timespec now = {};
    Expect(clock_gettime(clock, &now) == 0 && now.tv_sec > 0, "clock_gettime()");
  }
  rlimit limit = {};
  Expect(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 2, "getrlimit()");
  const rlimit lower = {limit.rlim_cur - 1, limit.rlim_max};
  Expect(setrlimit(RLIMIT_NOFILE, &lower) == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
             limit.rlim_cur == lower.rlim_cur,
         "setrlimit()");
  std::random_device random;
  Expect((random() ^ random() ^ random()) != 0, "std::random_device");
}

void CheckWaiting() {
  using Clock = std::chrono::steady_clock;
  constexpr auto kTimeout = std::chrono::milliseconds(20);
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  std::unique_lock lock(mutex);
  const auto start = Clock::now();
  Expect(!changed.wait_for(lock, kTimeout, [&] { return ready; }), "a wait ends at its timeout");
  Expect(Clock::now() - start >= kTimeout, "a wait does not end before its timeout");
  Expect(changed.wait_until(lock, std::chrono::system_clock::now() - kTimeout) ==
             std::cv_status::timeout,
         "a wait until a past time ends");
  std::thread other([&] {
    const std::lock_guard held(mutex);
    ready = true;
    changed.notify_one();
  });
  changed.wait(lock, [&] { return ready; });
  lock.unlock();
  other.join();
}

// Checks with the stack of a program that has one argument, one environment variable and this
// auxiliary vector.
void CheckAuxiliaryVector() {
  uintptr_t without[] = {1, 1, 0, 1, 0, AT_PAGESZ, 4096, AT_FLAGS, 0, AT_UID, 7, AT_NULL, 0};
  SyscallShimPrepareStack(without);
  Expect(without[7] == AT_RANDOM && without[8] != 0, "AT_RANDOM replaces AT_FLAGS");
  Expect(without[5] == AT_PAGESZ && without[6] == 4096 && without[9] == AT_UID && without[10] == 7,
         "the other entries are unchanged");
  const auto* const bytes = reinterpret_cast<const uint32_t*>(without[8]);
  Expect((bytes[0] | bytes[1] | bytes[2] | bytes[3]) != 0, "AT_RANDOM has random bytes");

  uintptr_t with[] = {1, 1, 0, 1, 0, AT_FLAGS, 0, AT_RANDOM, 0x1234, AT_NULL, 0};
  SyscallShimPrepareStack(with);
  Expect(with[5] == AT_FLAGS && with[8] == 0x1234, "the kernel's own AT_RANDOM is kept");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  CheckKernel(std::string_view(argv[1]) == "old");
  CheckInForce();
  CheckRegistersAreKept();
  CheckCalls();
  CheckWaiting();
  CheckAuxiliaryVector();
  return failed ? 1 : 0;
}
