#include "devices/rng/virtio_rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "devices/rng/random_source.h"
#include "devices/testing/virtio_machine.h"

namespace lguest {
namespace {

constexpr uint32_t kBuffer = VirtioMachine::kData;

// Has these bytes, and no more.
class FewBytes final : public RandomSource {
 public:
  explicit FewBytes(std::string bytes) : bytes_(std::move(bytes)) {}

  uint32_t Fill(std::span<const iovec> pieces) override {
    uint32_t filled = 0;
    for (const iovec& piece : pieces) {
      const size_t part = std::min(piece.iov_len, bytes_.size());
      std::memcpy(piece.iov_base, bytes_.data(), part);
      bytes_.erase(0, part);
      filled += static_cast<uint32_t>(part);
    }
    return filled;
  }

 private:
  std::string bytes_;
};

TEST(VirtioRngTest, FillsBuffersFromItsSource) {
  VirtioRng rng(std::make_unique<FewBytes>("random"));
  VirtioMachine machine(rng);
  machine.ring(0).Add({{kBuffer, 4, true}, {kBuffer + 100, 60, true}});
  ASSERT_TRUE(rng.Notify(0).ok());
  EXPECT_EQ(machine.Get(kBuffer, 4), "rand");
  EXPECT_EQ(machine.Get(kBuffer + 100, 2), "om");
  EXPECT_EQ(machine.ring(0).used_entry(0).length, 6u);
  EXPECT_EQ(machine.interrupts(), 1);
}

TEST(VirtioRngTest, KernelIsASource) {
  auto source = OpenKernelRandom();
  ASSERT_TRUE(source.ok()) << source.status();
  VirtioRng rng(*std::move(source));
  VirtioMachine machine(rng);
  machine.ring(0).Add({{kBuffer, 64, true}});
  ASSERT_TRUE(rng.Notify(0).ok());
  EXPECT_EQ(machine.ring(0).used_entry(0).length, 64u);
  EXPECT_NE(machine.Get(kBuffer, 64), std::string(64, '\0'));
}

TEST(VirtioRngTest, BufferToReadIsReturnedEmpty) {
  VirtioRng rng(std::make_unique<FewBytes>("random"));
  VirtioMachine machine(rng);
  machine.ring(0).Add({{kBuffer, 64, false}});
  ASSERT_TRUE(rng.Notify(0).ok());
  EXPECT_EQ(machine.ring(0).used_entry(0).length, 0u);
}

TEST(VirtioRngTest, FailedSourceGivesNothing) {
  VirtioRng rng(std::make_unique<FewBytes>(""));
  VirtioMachine machine(rng);
  machine.ring(0).Add({{kBuffer, 64, true}});
  ASSERT_TRUE(rng.Notify(0).ok());
  EXPECT_EQ(machine.ring(0).used_entry(0).length, 0u);
}

std::string NumbersOf(SeededRandom& random) {
  std::string bytes(64, '\0');
  const iovec pieces[] = {{.iov_base = bytes.data(), .iov_len = 60},
                          {.iov_base = bytes.data() + 60, .iov_len = 4}};
  EXPECT_EQ(random.Fill(pieces), 64u);
  return bytes;
}

TEST(SeededRandomTest, GivesTheSameNumbersEachTime) {
  SeededRandom first;
  SeededRandom second;
  const std::string numbers = NumbersOf(first);
  EXPECT_EQ(NumbersOf(second), numbers);
  EXPECT_NE(NumbersOf(first), numbers);
}

}  // namespace
}  // namespace lguest
