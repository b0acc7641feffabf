#include "launcher/sandbox/filter.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/unique_fd.h"
#include "launcher/sandbox/execute_call.h"

namespace lguest::sandbox {
namespace {

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

// libseccomp returns a negative errno.
absl::Status StatusOf(int result) {
  if (result == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(-result, "making a seccomp filter");
}

bool IsNeeded(Need need, SandboxMode mode, const SandboxNeeds& needs) {
  const bool shared_nets = !needs.socket_directories.empty();
  switch (need) {
    case Need::kAlways:
      return true;
    case Need::kDisk:
      return needs.disks;
    case Need::kDiskOrSharedNet:
      return needs.disks || shared_nets;
    case Need::kSharedNet:
      return shared_nets;
    case Need::kKvm:
      return needs.kvm;
    case Need::kHandler:
      return needs.kvm || shared_nets || mode == SandboxMode::kLog;
  }
  return false;
}

scmp_arg_cmp Equals(unsigned argument, uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}

// Allows a call, with certain arguments if it can do much more than the launcher needs.
absl::Status Allow(const Context& filter, int call, SandboxMode mode, const SandboxNeeds& needs) {
  const auto allow = [&](const std::vector<scmp_arg_cmp>& arguments) {
    return StatusOf(seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call,
                                           static_cast<unsigned>(arguments.size()),
                                           arguments.data()));
  };
  switch (call) {
    case SYS_ioctl:
      for (const IoctlRequest& request : AllowedIoctls()) {
        if (!IsNeeded(request.need, mode, needs)) continue;
        RETURN_IF_ERROR(allow({Equals(1, request.number)}));
      }
      return absl::OkStatus();
    case SYS_tgkill:
      return allow({Equals(0, static_cast<uint64_t>(getpid()))});
    case SYS_mmap:
      return allow(
          {Equals(2, PROT_READ | PROT_WRITE), Equals(3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)});
    case SYS_seccomp:
      return allow({Equals(0, SECCOMP_SET_MODE_FILTER),
                    {.arg = 1,
                     .op = SCMP_CMP_MASKED_EQ,
                     .datum_a = ~uint64_t{SECCOMP_FILTER_FLAG_SPEC_ALLOW},
                     .datum_b = 0}});
    default:
      return allow({});
  }
}

// The program of `filter`, as the kernel wants it.
absl::StatusOr<Filter> Export(const Context& filter) {
  const UniqueFd file(memfd_create("filter", MFD_CLOEXEC));
  if (!file.valid()) return ErrnoStatus("making a seccomp filter");
  RETURN_IF_ERROR(StatusOf(seccomp_export_bpf(filter.get(), file.get())));
  struct stat64 info;
  if (fstat64(file.get(), &info) != 0) return ErrnoStatus("making a seccomp filter");
  Filter program(static_cast<size_t>(info.st_size) / sizeof(sock_filter));
  if (pread64(file.get(), program.data(), static_cast<size_t>(info.st_size), 0) != info.st_size) {
    return absl::InternalError("making a seccomp filter: it cannot be read back");
  }
  return program;
}

// The start of a filter that allows every call of LguestExecuteCall().
Filter AllowExecuteCall() {
  constexpr uint32_t kLow = offsetof(seccomp_data, instruction_pointer);
  const auto address = reinterpret_cast<uintptr_t>(&kLguestExecuteCallReturn);
  return {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kLow),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(address), 0, 3),
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kLow + sizeof(uint32_t)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(address >> 32), 0, 1),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
}

}  // namespace

bool KernelHasFilters() {
  // Without a program the call fails: with EFAULT if the kernel knows the operation and the flag.
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, nullptr) != 0 &&
         errno == EFAULT && syscall(SYS_preadv2, -1, nullptr, 0, 0, 0, 0) != 0 && errno == EBADF;
}

absl::StatusOr<Filter> MakeFilter(Thread thread, SandboxMode mode, const SandboxNeeds& needs) {
  const Context filter(seccomp_init(SCMP_ACT_TRAP));
  if (filter == nullptr) return absl::ResourceExhaustedError("making a seccomp filter: no memory");
  // Calls of i386 and x32 have other numbers and no handler that could name them.
  RETURN_IF_ERROR(
      StatusOf(seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)));
  const auto is_listed = [&](const Call& call) {
    return (thread == Thread::kOther || call.thread == Thread::kGuest) &&
           IsNeeded(call.need, mode, needs);
  };
  for (const Call& call : AllowedCalls()) {
    if (!is_listed(call)) continue;
    RETURN_IF_ERROR(Allow(filter, call.number, mode, needs));
  }
  for (const Call& call : RefusedCalls()) {
    if (!is_listed(call)) continue;
    RETURN_IF_ERROR(StatusOf(
        seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(ENOSYS), call.number, 0, nullptr)));
  }
  ASSIGN_OR_RETURN(Filter program, Export(filter));
  if (mode != SandboxMode::kLog) return program;
  Filter logging = AllowExecuteCall();
  logging.insert(logging.end(), program.begin(), program.end());
  return logging;
}

absl::Status Load(const Filter& filter, Scope scope) {
  const sock_fprog program = {.len = static_cast<uint16_t>(filter.size()),
                              .filter = const_cast<sock_filter*>(filter.data())};
  const unsigned flags = scope == Scope::kAllThreads ? SECCOMP_FILTER_FLAG_TSYNC : 0;
  // Before Linux 5.16 a filter turns off the processor's speculation past stores unless it says
  // SPEC_ALLOW, which slows down everything. The launcher does nothing against side channels.
  long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                        flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
  if (result < 0 && errno == EINVAL) {  // before Linux 4.17
    result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  }
  if (result == 0) return absl::OkStatus();
  if (result > 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("sandbox: thread ", result, " has a seccomp filter of its own"));
  }
  return ErrnoStatus("sandbox: loading a seccomp filter");
}

}  // namespace lguest::sandbox
