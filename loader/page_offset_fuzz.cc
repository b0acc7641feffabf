// InferPageOffset() returns a valid page offset or an error, for any bytes.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "loader/page_offset.h"
#include "tools/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint32_t kLoadAddress = 0x100000;
  // A copy of the exact size, so that a sanitizer detects a read outside of it.
  const std::vector<uint8_t> code(data, data + size);
  const auto offset =
      lguest::loader::InferPageOffset(std::as_bytes(std::span(code)), kLoadAddress, "kernel");
  if (offset.ok() ? *offset % (1u << 24) != 0 : offset.status().message().empty()) std::abort();
  return 0;
}
