#include "hostsim/tsc.h"

#include <cpuid.h>
#include <x86intrin.h>

#include <thread>

namespace lguest::hostsim {
namespace {

constexpr std::chrono::milliseconds kMeasuringTime(5);

// CPUID leaf 0x80000007, %edx bit 8: "invariant TSC".
bool IsTscInvariant() {
  constexpr uint32_t kPowerManagementLeaf = 0x80000007;
  constexpr uint32_t kInvariantTsc = 1u << 8;
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
  return __get_cpuid(kPowerManagementLeaf, &eax, &ebx, &ecx, &edx) != 0 &&
         (edx & kInvariantTsc) != 0;
}

}  // namespace

TscCalibration::TscCalibration()
    : start_(std::chrono::steady_clock::now()), start_ticks_(__rdtsc()) {}

uint32_t TscCalibration::Khz() const {
  if (!IsTscInvariant()) return 0;
  std::this_thread::sleep_until(start_ + kMeasuringTime);
  const auto elapsed = std::chrono::steady_clock::now() - start_;
  const uint64_t ticks = __rdtsc() - start_ticks_;
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count();
  return static_cast<uint32_t>(ticks * 1'000'000 / static_cast<uint64_t>(nanos));
}

}  // namespace lguest::hostsim
