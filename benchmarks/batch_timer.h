// Times parts of an iteration and excludes the work between them.

#ifndef BENCHMARKS_BATCH_TIMER_H_
#define BENCHMARKS_BATCH_TIMER_H_

#include <ctime>

#include "benchmark/benchmark.h"

namespace lguest {

// Calls `piece` `count` times. Sets the time of the iteration to the processor time that this
// thread spent in `piece`, including time in the kernel. For a benchmark with UseManualTime().
// Other threads and processes do not count.
template <typename Piece>
void TimeBatch(benchmark::State& state, int count, const Piece& piece) {
  const auto now = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  const double start = now();
  for (int i = 0; i < count; ++i) piece();
  state.SetIterationTime(now() - start);
}

}  // namespace lguest

#endif  // BENCHMARKS_BATCH_TIMER_H_
