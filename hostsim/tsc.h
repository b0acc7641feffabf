// The machine's time stamp counter.

#ifndef HOSTSIM_TSC_H_
#define HOSTSIM_TSC_H_

#include <chrono>
#include <cstdint>

namespace lguest::hostsim {

// Measures the counter against the clock from construction on, so that other work can be done
// meanwhile.
class TscCalibration {
 public:
  TscCalibration();

  // Thousands of ticks a second, to about 0.01 %; 0 where the counter does not run at one rate all
  // the time. Waits until enough time has passed: 5 ms from construction.
  uint32_t Khz() const;

 private:
  const std::chrono::steady_clock::time_point start_;
  const uint64_t start_ticks_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TSC_H_
