// Takes numbers from the input of a fuzz target.

#ifndef TOOLS_FUZZ_FUZZ_INPUT_H_
#define TOOLS_FUZZ_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

namespace lguest {

class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : bytes_(data, size) {}

  bool empty() const { return bytes_.empty(); }

  // Bytes beyond the end are zero.
  template <typename T>
  T Take() {
    T value = {};
    const size_t len = std::min(bytes_.size(), sizeof(value));
    if (len != 0) std::memcpy(&value, bytes_.data(), len);
    bytes_ = bytes_.subspan(len);
    return value;
  }

  // At most `size` bytes.
  std::span<const uint8_t> TakeBytes(size_t size) {
    const std::span<const uint8_t> taken = bytes_.first(std::min(size, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const uint8_t> bytes_;
};

// Ends a fuzz target with a finding.
inline void Require(bool good) {
  if (!good) std::abort();
}

}  // namespace lguest

#endif  // TOOLS_FUZZ_FUZZ_INPUT_H_
