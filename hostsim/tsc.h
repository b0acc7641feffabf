// Measures the rate of the time stamp counter.

#ifndef HOSTSIM_TSC_H_
#define HOSTSIM_TSC_H_

#include <chrono>
#include <cstdint>

namespace lguest::hostsim {

// Measures the counter against the system's clock. The measurement starts in the constructor, so
// the caller can do other work before it calls Khz().
class TscCalibration {
 public:
  TscCalibration();

  // The rate in kHz, with an error of about 0.01 %; 0 if the rate is not constant. Blocks until
  // 5 ms after construction.
  uint32_t Khz() const;

 private:
  const std::chrono::steady_clock::time_point start_;
  const uint64_t start_ticks_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TSC_H_
