#include "benchmarks/heap_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<uint64_t> allocations = 0;

}  // namespace

// The other forms of the operators call these two. Running out of memory aborts the benchmark.
// measured then.
void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }

namespace lguest {

uint64_t HeapAllocations() { return allocations.load(std::memory_order_relaxed); }

}  // namespace lguest
