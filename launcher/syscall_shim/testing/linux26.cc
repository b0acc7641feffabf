// linux26 PROGRAM [ARGUMENT]...
//
// Runs an i386 program with the system calls of Linux 2.6.23: newer calls, and newer flags of old
// calls, fail as they did then. The decision uses only the number and the arguments, because
// seccomp cannot read memory. That is enough to test the fallbacks of a program.

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

// Call `number` fails with `error` if `first` <= (argument & mask) <= `last`.
struct Rule {
  uint32_t number;
  uint32_t argument;
  uint32_t mask;
  uint32_t first;
  uint32_t last;
  uint32_t error;
};

constexpr uint32_t kAll = UINT32_MAX;
constexpr uint32_t kLastCall = 324;  // fallocate
constexpr uint32_t kFutexPrivate = 0x80;
constexpr uint32_t kAtEmptyPath = 0x1000;

// The call numbers of i386. This program itself is x86-64.
constexpr Rule kRules[] = {
    {.number = 54, .argument = 1, .mask = 0xffff, .first = 0x54cf, .last = 0x54ff, .error = EINVAL},
    {.number = 221, .argument = 1, .mask = kAll, .first = 15, .last = 1023, .error = EINVAL},
    {.number = 221, .argument = 1, .mask = kAll, .first = 1027, .last = kAll, .error = EINVAL},
    {.number = 240,
     .argument = 1,
     .mask = ~kFutexPrivate,
     .first = 9,
     .last = kAll,
     .error = ENOSYS},
    {.number = 265, .argument = 0, .mask = kAll, .first = 4, .last = INT32_MAX, .error = EINVAL},
    {.number = 267, .argument = 0, .mask = kAll, .first = 4, .last = INT32_MAX, .error = EINVAL},
    {.number = 300, .argument = 3, .mask = kAtEmptyPath, .first = 1, .last = kAll, .error = EINVAL},
    {.number = 322, .argument = 0, .mask = kAll, .first = 0, .last = kAll, .error = ENOSYS},
};

constexpr sock_filter Load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
constexpr sock_filter Return(uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
constexpr sock_filter Jump(uint16_t condition, uint32_t value, uint8_t if_true, uint8_t if_false) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | condition | BPF_K), value, if_true, if_false);
}

std::vector<sock_filter> Filter() {
  std::vector<sock_filter> filter = {
      Load(offsetof(seccomp_data, arch)), Jump(BPF_JEQ, AUDIT_ARCH_I386, 1, 0),
      Return(SECCOMP_RET_ALLOW),          Load(offsetof(seccomp_data, nr)),
      Jump(BPF_JGT, kLastCall, 0, 1),     Return(SECCOMP_RET_ERRNO | ENOSYS),
  };
  for (const Rule& rule : kRules) {
    const sock_filter steps[] = {
        Load(offsetof(seccomp_data, nr)),
        Jump(BPF_JEQ, rule.number, 0, 5),
        // The lower half of the 64-bit argument.
        Load(offsetof(seccomp_data, args) + rule.argument * sizeof(uint64_t)),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule.mask),
        Jump(BPF_JGE, rule.first, 0, 2),
        Jump(BPF_JGT, rule.last, 1, 0),
        Return(SECCOMP_RET_ERRNO | rule.error),
    };
    filter.insert(filter.end(), std::begin(steps), std::end(steps));
  }
  filter.push_back(Return(SECCOMP_RET_ALLOW));
  return filter;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kCannotImitate = 125;
  constexpr int kCannotRun = 126;
  if (argc < 2) {
    std::fputs("usage: linux26 PROGRAM [ARGUMENT]...\n", stderr);
    return kCannotImitate;
  }
  std::vector<sock_filter> filter = Filter();
  const sock_fprog program = {.len = static_cast<uint16_t>(filter.size()), .filter = filter.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::perror("linux26");
    return kCannotImitate;
  }
  execv(argv[1], argv + 1);
  std::perror(argv[1]);
  return kCannotRun;
}
