// A counting CPU that runs no code.

#ifndef HOSTSIM_TESTING_FAKE_COUNTED_RUNS_H_
#define HOSTSIM_TESTING_FAKE_COUNTED_RUNS_H_

#include <cstdint>
#include <optional>

#include "hostsim/counted_runs.h"

namespace lguest::hostsim {

class FakeCountedRuns final : public CountedRuns {
 public:
  uint64_t count() const override { return count_; }
  void StopAt(std::optional<uint64_t> count) override { stop_ = count; }
  void SetTimeStamp(const CountedTimeStamp& time_stamp) override { time_stamp_ = time_stamp; }

  // Runs to the stop, or `instructions` instructions. Returns true at the stop.
  bool Run(uint64_t instructions) {
    if (!stop_.has_value() || *stop_ > count_ + instructions) {
      count_ += instructions;
      return false;
    }
    count_ = *stop_;
    stop_.reset();
    return true;
  }

  uint64_t time_stamp() const { return time_stamp_.offset + count_ * time_stamp_.per_instruction; }
  std::optional<uint64_t> stop() const { return stop_; }

 private:
  uint64_t count_ = 0;
  std::optional<uint64_t> stop_;
  CountedTimeStamp time_stamp_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_FAKE_COUNTED_RUNS_H_
