// How strictly the launcher is confined (--sandbox).

#ifndef LAUNCHER_SANDBOX_MODE_H_
#define LAUNCHER_SANDBOX_MODE_H_

#include <cstdint>

namespace lguest {

enum class SandboxMode : uint8_t {
  kOff,
  kLog,  // a call that the sandbox forbids is named and executed
  kOn,   // a call that the sandbox forbids ends the launcher
};

// A sanitizer and the measurement of coverage make calls of their own, for example at the end to
// write a report.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(LGUEST_COVERAGE)
inline constexpr SandboxMode kDefaultSandboxMode = SandboxMode::kOff;
#else
inline constexpr SandboxMode kDefaultSandboxMode = SandboxMode::kOn;
#endif

}  // namespace lguest

#endif  // LAUNCHER_SANDBOX_MODE_H_
