// Counts heap allocations: what a request may not need is easier to count than to time.

#ifndef BENCHMARKS_HEAP_COUNT_H_
#define BENCHMARKS_HEAP_COUNT_H_

#include <cstdint>

namespace lguest {

// Calls of operator new since the program started, in all of its threads.
uint64_t HeapAllocations();

}  // namespace lguest

#endif  // BENCHMARKS_HEAP_COUNT_H_
