// What happens on a call that the filters forbid.

#ifndef LAUNCHER_SANDBOX_VIOLATION_H_
#define LAUNCHER_SANDBOX_VIOLATION_H_

#include "launcher/sandbox/mode.h"

namespace lguest::sandbox {

// Handles SIGSYS from now on, and the signals of a crash. On the main thread, before other threads
// start.
//
// A forbidden call restores the terminal, removes sockets (DeadlySignalAction), writes one sentence
// that names the call, and ends the process with status 70. With kLog it is named and executed.
void HandleViolations(SandboxMode mode);

// Marks this thread as that of the guest. Its filter forbids what the handlers do, so the handlers
// leave that to the main thread, which is in WaitForGuestThread(). Blocks the signals that are not
// caused by this thread itself, except the stops for terminal access and real-time signals.
void BecomeGuestThread();

// On the guest's thread: makes WaitForGuestThread() return, and sleeps until the process ends. The
// thread cannot end, because its filter forbids the calls for that.
[[noreturn]] void FinishGuestThread();

// Waits for FinishGuestThread(). Ends the process if the guest's thread makes a forbidden call or
// crashes.
void WaitForGuestThread();

}  // namespace lguest::sandbox

#endif  // LAUNCHER_SANDBOX_VIOLATION_H_
