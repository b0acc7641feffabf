// Counts heap allocations. A request must not allocate, and a count shows that better than a time.

#ifndef BENCHMARKS_HEAP_COUNT_H_
#define BENCHMARKS_HEAP_COUNT_H_

#include <cstdint>

namespace lguest {

// Returns the number of calls of operator new since the program started, in all threads.
uint64_t HeapAllocations();

}  // namespace lguest

#endif  // BENCHMARKS_HEAP_COUNT_H_
