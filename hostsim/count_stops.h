// Shares the stop of a counting CPU between several users.

#ifndef HOSTSIM_COUNT_STOPS_H_
#define HOSTSIM_COUNT_STOPS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "hostsim/counted_runs.h"

namespace lguest::hostsim {

// A CPU has one stop (CountedRuns::StopAt()). This class gives one to each user: the clock's alarm,
// the look for input, the recorder. All calls are on the thread that owns the CPU.
class CountStops {
 public:
  using User = size_t;

  // `cpu` must outlive this, and nobody else may call its StopAt().
  explicit CountStops(CountedRuns& cpu) : cpu_(cpu) {}
  CountStops(const CountStops&) = delete;
  CountStops& operator=(const CountStops&) = delete;

  CountedRuns& cpu() { return cpu_; }

  // Adds a user without a stop. `reached` is called by Handle() when the user's stop is reached. It
  // may set the next stop.
  User Add(std::function<void()> reached);

  // Replaces the user's stop. nullopt: no stop.
  void Set(User user, std::optional<uint64_t> count);

  // Call when the CPU has stopped at a count. Calls, in the order in which they were added, the
  // functions of the users whose stop is reached, once each.
  void Handle();

 private:
  struct Stop {
    std::function<void()> reached;
    std::optional<uint64_t> count;
  };

  // Makes the CPU stop at the earliest stop.
  void Update();

  CountedRuns& cpu_;
  std::vector<Stop> stops_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_COUNT_STOPS_H_
