// System calls that no part of the launcher makes while a guest runs.

#ifndef LAUNCHER_SANDBOX_TESTING_FORBIDDEN_CALLS_H_
#define LAUNCHER_SANDBOX_TESTING_FORBIDDEN_CALLS_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace lguest {

struct ForbiddenCall {
  const char* name;
  void (*make)();
};

inline constexpr std::array kForbiddenCalls = {
    ForbiddenCall{"openat", [] { static_cast<void>(open("/dev/null", O_RDONLY | O_CLOEXEC)); }},
    ForbiddenCall{"execve", [] { static_cast<void>(execl("/bin/true", "true", nullptr)); }},
    ForbiddenCall{"socket", [] { static_cast<void>(socket(AF_INET, SOCK_STREAM, 0)); }},
    ForbiddenCall{"ptrace", [] { static_cast<void>(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }},
    ForbiddenCall{"mprotect",
                  [] {
                    alignas(4096) static std::array<char, 4096> page;
                    static_cast<void>(mprotect(page.data(), page.size(), PROT_READ | PROT_EXEC));
                  }},
    ForbiddenCall{"kill", [] { static_cast<void>(kill(1, 0)); }},
};

}  // namespace lguest

#endif  // LAUNCHER_SANDBOX_TESTING_FORBIDDEN_CALLS_H_
