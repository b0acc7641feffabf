#include "launcher/sandbox/calls.h"

#include <asm/termbits.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

namespace lguest::sandbox {
namespace {

constexpr Call kAllowed[] = {
    // The thread of the guest.
    {SYS_preadv2, Thread::kGuest, Need::kAlways, "console input, packets, disks"},
    {SYS_writev, Thread::kGuest, Need::kAlways, "console output, packets, messages, wake pipes"},
    {SYS_poll, Thread::kGuest, Need::kAlways, "is there input, is there room for output"},
    {SYS_epoll_ctl, Thread::kGuest, Need::kAlways, "which devices the input poller watches"},
    {SYS_futex, Thread::kGuest, Need::kAlways, "locks, and the sleep of a halted guest"},
    {SYS_ioctl, Thread::kGuest, Need::kAlways, "the terminal, and KVM: see the requests below"},
    {SYS_brk, Thread::kGuest, Need::kAlways, "the heap"},
    {SYS_clock_gettime, Thread::kGuest, Need::kAlways,
     "the CPU time of --stats, and each time where the vDSO has no clock"},
    {SYS_restart_syscall, Thread::kGuest, Need::kAlways,
     "the kernel's way to resume a wait after SIGSTOP and SIGCONT"},
    {SYS_pwritev, Thread::kGuest, Need::kDiskOrSharedNet,
     "disks, and the slot of a shared network"},
    {SYS_fdatasync, Thread::kGuest, Need::kDisk, "a guest that flushes its disk"},
    {SYS_connect, Thread::kGuest, Need::kSharedNet, "the first packet for another guest"},
    {SYS_mmap, Thread::kGuest, Need::kSharedNet,
     "a private page in the place of a network's, if its file is truncated; no executable memory"},
    {SYS_timer_settime, Thread::kGuest, Need::kKvm, "limits the time in the switcher"},
    {SYS_rt_sigreturn, Thread::kGuest, Need::kHandler,
     "returns from the handlers of a kick, of SIGBUS of a shared network, and of --sandbox=log"},

    // The others.
    {SYS_epoll_wait, Thread::kOther, Need::kAlways, "the input poller waits"},
    {SYS_tgkill, Thread::kOther, Need::kAlways,
     "kicks KVM, and ends the launcher by the signal that it got; threads of this process only"},
    {SYS_getpid, Thread::kOther, Need::kAlways, "raise() and the kick"},
    {SYS_gettid, Thread::kOther, Need::kAlways, "raise()"},
    {SYS_rt_sigaction, Thread::kOther, Need::kAlways, "handlers of signals take themselves out"},
    {SYS_rt_sigprocmask, Thread::kOther, Need::kAlways, "SIGTSTP, and the end of a thread"},
    {SYS_rt_sigreturn, Thread::kOther, Need::kAlways, "returns from handlers of signals"},
    {SYS_munmap, Thread::kOther, Need::kAlways, "takes the machine down"},
    {SYS_close, Thread::kOther, Need::kAlways, "takes the machine down"},
    {SYS_fdatasync, Thread::kOther, Need::kDisk, "writes disks out at the end"},
    {SYS_unlinkat, Thread::kOther, Need::kSharedNet, "removes the socket of a shared network"},
    {SYS_timer_delete, Thread::kOther, Need::kKvm, "takes the machine down"},
    {SYS_exit, Thread::kOther, Need::kAlways, "the end of a thread"},
    {SYS_exit_group, Thread::kOther, Need::kAlways, "the end of the launcher"},
    {SYS_seccomp, Thread::kOther, Need::kAlways,
     "the guest's thread adds its own filter to that of all threads; can only forbid more"},
};

constexpr Call kRefused[] = {
    {SYS_madvise, Thread::kOther, Need::kAlways,
     "the C library returns the stack of a thread that has ended, and does without"},
};

constexpr IoctlRequest kIoctls[] = {
    {TCGETS, Need::kAlways, "is it a terminal"},
    {TCSETS, Need::kAlways, "raw mode, and back"},
    {TIOCGPGRP, Need::kAlways, "is the launcher in the foreground"},
    {KVM_RUN, Need::kKvm, "runs the guest"},
    {KVM_GET_REGS, Need::kKvm, "an interrupted guest"},
    {KVM_SET_REGS, Need::kKvm, "an interrupted guest"},
    {KVM_GET_SREGS, Need::kKvm, "an interrupted guest"},
    {KVM_SET_SREGS, Need::kKvm, "an interrupted guest"},
};

}  // namespace

std::span<const Call> AllowedCalls() { return kAllowed; }

std::span<const Call> RefusedCalls() { return kRefused; }

std::span<const IoctlRequest> AllowedIoctls() { return kIoctls; }

}  // namespace lguest::sandbox
