// Any ELF file is loaded inside guest memory or refused.

#include <cstddef>
#include <cstdint>
#include <span>

#include "loader/testing/load_any_kernel.h"
#include "tools/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lguest::loader::LoadAnyKernel(std::as_bytes(std::span(data, size)),
                                "\x7f"
                                "ELF");
  return 0;
}
