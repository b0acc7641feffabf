// A reproducible random number generator.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_RANDOM_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace lguest::hostsim {

// The same seed gives the same numbers on every machine and with every library (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint32_t Word() { return static_cast<uint32_t>(Next() >> 32); }
  uint8_t Byte() { return static_cast<uint8_t>(Next() >> 56); }

  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(Next() % limit); }
  bool OneIn(uint32_t n) { return Below(n) == 0; }

  template <typename List>
  const auto& Of(const List& list) {
    return *std::next(std::begin(list), Below(static_cast<uint32_t>(std::size(list))));
  }

  // Returns values that are often at a limit of 8, 16 or 32 bits.
  uint32_t Value() {
    constexpr uint32_t kEdges[] = {0,          1,      0xffffffff, 0x7f,       0x80,
                                   0xff,       0x7fff, 0x8000,     0xffff,     0x7fffffff,
                                   0x80000000, 0x1f,   0x20,       0xffffff80, 10};
    return OneIn(3) ? Of(kEdges) : OneIn(3) ? Below(256) : Word();
  }

 private:
  uint64_t state_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_RANDOM_H_
