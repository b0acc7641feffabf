// Where a guest's random numbers come from.

#ifndef DEVICES_RNG_RANDOM_SOURCE_H_
#define DEVICES_RNG_RANDOM_SOURCE_H_

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <random>
#include <span>

#include "absl/status/statusor.h"

namespace lguest {

class RandomSource {
 public:
  virtual ~RandomSource() = default;

  // Fills the start of `pieces` and returns the number of bytes. Never blocks.
  virtual uint32_t Fill(std::span<const iovec> pieces) = 0;
};

// The kernel's random numbers.
absl::StatusOr<std::unique_ptr<RandomSource>> OpenKernelRandom();

// The same numbers each time, for runs that are to be repeated.
class SeededRandom final : public RandomSource {
 public:
  uint32_t Fill(std::span<const iovec> pieces) override;

 private:
  std::mt19937_64 generator_;
};

}  // namespace lguest

#endif  // DEVICES_RNG_RANDOM_SOURCE_H_
