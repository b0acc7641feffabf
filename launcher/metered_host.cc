#include "launcher/metered_host.h"

#include <algorithm>
#include <ctime>
#include <variant>

namespace lguest {
namespace {

int64_t Now(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

absl::StatusOr<Exit> MeteredHost::Run() {
  const int64_t start = Now(CLOCK_MONOTONIC);
  const int64_t cpu_start = Now(CLOCK_THREAD_CPUTIME_ID);
  if (last_end_ == 0) {
    readings_.first_run = start;
  } else {
    readings_.launcher += start - last_end_;
  }

  absl::StatusOr<Exit> exit = host_.Run();

  const int64_t computed = Now(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
  last_end_ = Now(CLOCK_MONOTONIC);
  readings_.guest += computed;
  // Not below 0: the two clocks are not read at the same instant.
  readings_.sleep += std::max<int64_t>(0, last_end_ - start - computed);
  if (!exit.ok()) return exit;
  readings_.dma_sent += std::holds_alternative<DmaSent>(*exit) ? 1 : 0;
  readings_.notified += std::holds_alternative<Notified>(*exit) ? 1 : 0;
  readings_.broken_out += std::holds_alternative<BrokenOut>(*exit) ? 1 : 0;
  readings_.interrupted += std::holds_alternative<SignalReceived>(*exit) ? 1 : 0;
  readings_.died += std::holds_alternative<Died>(*exit) ? 1 : 0;
  return exit;
}

}  // namespace lguest
