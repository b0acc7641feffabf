// A clock that advances with the guest's instructions.

#ifndef HOSTSIM_VIRTUAL_CLOCK_H_
#define HOSTSIM_VIRTUAL_CLOCK_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "hostsim/clock.h"
#include "hostsim/count_stops.h"
#include "hostsim/counted_runs.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {

// The time is a function of the count of a CPU and of the time that the guest was halted. It starts
// at 0, and does not pass while the launcher works. The guest's time stamp counter counts the same
// nanoseconds. An alarm is a stop of the CPU at a count.
//
// All calls are on the thread that owns the CPU. So is the alarm callback, inside
// HandleCountStop().
class VirtualClock final : public Clock {
 public:
  // The rate of the guest's time stamp counter.
  static constexpr uint32_t kTscKhz = 1'000'000;

  // Passes the time while the guest is halted. `limit`: the time until the guest's timer is due;
  // nullopt: it has none. Returns the time that has passed, from 0 to `limit`. It may return early,
  // for example because there is input. Then it calls Host::RequestBreakOut().
  using Idle = std::function<Nanos(std::optional<Nanos> limit)>;

  struct Settings {
    Nanos nanos_per_instruction = 2;  // above 0
    GuestTime start = {};             // the wall time at time 0
  };

  // `stops` must outlive the clock, and the count of their CPU is 0.
  VirtualClock(CountStops& stops, const Settings& settings);

  // Sets the function that passes the time while the guest is halted. Without one the time jumps to
  // the guest's timer, and if there is none, the clock waits in real time until another thread
  // breaks the guest out.
  void SetIdle(Idle idle) { idle_ = std::move(idle); }

  Nanos Now() override;
  GuestTime WallTime() override;
  void SetAlarmCallback(std::function<void()> callback) override;
  void SetAlarm(std::optional<Nanos> deadline) override;
  void HandleCountStop() override { stops_.Handle(); }

  // Releases `lock` while the function of SetIdle() runs.
  void Wait(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
            std::optional<Nanos> deadline) override;

 private:
  void Ring();
  void Skip(Nanos time);

  CountStops& stops_;
  CountedRuns& cpu_;
  const CountStops::User stop_;
  const Settings settings_;
  Idle idle_;
  Nanos skipped_ = 0;  // the time in Wait()
  std::optional<Nanos> alarm_;
  std::function<void()> callback_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_VIRTUAL_CLOCK_H_
