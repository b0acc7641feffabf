#include "launcher/base/testing/failing_system_call.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <vector>

namespace lguest {
namespace {

void InstallFault(const SystemCallFault& fault) {
  const auto load = [](size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
  };
  const auto skip_unless = [](uint32_t value, uint8_t count) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count);
  };
  std::vector<sock_filter> program = {load(offsetof(seccomp_data, nr))};
  if (fault.argument.has_value()) {
    program.push_back(skip_unless(static_cast<uint32_t>(fault.number), 3));
    program.push_back(load(offsetof(seccomp_data, args) +
                           static_cast<size_t>(*fault.argument) * sizeof(uint64_t)));
    program.push_back(skip_unless(fault.value, 1));
  } else {
    program.push_back(skip_unless(static_cast<uint32_t>(fault.number), 1));
  }
  program.push_back(
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(fault.error)));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter = {.len = static_cast<uint16_t>(program.size()),
                             .filter = program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    std::abort();
  }
}

}  // namespace

int RunWithFault(const SystemCallFault& fault, const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    InstallFault(fault);
    _exit(body());
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) std::abort();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace lguest
