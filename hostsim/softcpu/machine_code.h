// Builds machine code byte by byte.

#ifndef HOSTSIM_SOFTCPU_MACHINE_CODE_H_
#define HOSTSIM_SOFTCPU_MACHINE_CODE_H_

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace lguest::hostsim {

// The interrupt vector that ends a test program.
inline constexpr uint8_t kDoneVector = 0x7f;

class Code {
 public:
  Code& Op(std::initializer_list<uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes);
    return *this;
  }

  // Appends `bytes` and a 32-bit operand, little-endian.
  Code& Op(std::initializer_list<uint8_t> bytes, uint32_t operand) {
    Op(bytes);
    for (int shift = 0; shift < 32; shift += 8) {
      bytes_.push_back(static_cast<uint8_t>(operand >> shift));
    }
    return *this;
  }

  // int $kDoneVector
  Code& Done() { return Op({0xcd, kDoneVector}); }

  const std::vector<uint8_t>& Bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_MACHINE_CODE_H_
