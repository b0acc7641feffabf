// The entry point that libFuzzer calls; each fuzz target defines it.

#ifndef TOOLS_FUZZ_FUZZ_TARGET_H_
#define TOOLS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>

// Aborts when `size` bytes at `data` make the code under test do wrong. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#endif  // TOOLS_FUZZ_FUZZ_TARGET_H_
