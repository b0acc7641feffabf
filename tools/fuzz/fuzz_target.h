// The entry point that libFuzzer calls. Each fuzz target defines it.

#ifndef TOOLS_FUZZ_FUZZ_TARGET_H_
#define TOOLS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>

// Aborts if the code under test handles the `size` bytes at `data` incorrectly. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#endif  // TOOLS_FUZZ_FUZZ_TARGET_H_
