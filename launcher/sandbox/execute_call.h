// Makes a system call that the filter of SandboxMode::kLog lets pass.

#ifndef LAUNCHER_SANDBOX_EXECUTE_CALL_H_
#define LAUNCHER_SANDBOX_EXECUTE_CALL_H_

#include <cstdint>

extern "C" {

// Makes the call with the arguments of `arguments`, which has six. Returns what the kernel returns.
// Async-signal-safe.
int64_t LguestExecuteCall(int64_t number, const int64_t* arguments);

// The address behind the `syscall` instruction of LguestExecuteCall(). By it the filter knows the
// call.
extern const char kLguestExecuteCallReturn;

}  // extern "C"

#endif  // LAUNCHER_SANDBOX_EXECUTE_CALL_H_
