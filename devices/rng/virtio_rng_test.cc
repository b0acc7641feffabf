#include "devices/rng/virtio_rng.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

#include "devices/testing/virtio_machine.h"

namespace lguest {
namespace {

constexpr uint32_t kBuffer = VirtioMachine::kData;

TEST(VirtioRngTest, FillsBuffersFromItsSource) {
  std::array<int, 2> ends;
  ASSERT_EQ(pipe(ends.data()), 0);
  const UniqueFd writer(ends[1]);
  VirtioRng rng{UniqueFd(ends[0])};
  VirtioMachine machine(rng);
  ASSERT_EQ(write(writer.get(), "random", 6), 6);
  machine.ring(0).Add({{kBuffer, 4, true}, {kBuffer + 100, 60, true}});
  ASSERT_TRUE(rng.Notify(0).ok());
  EXPECT_EQ(machine.Get(kBuffer, 4), "rand");
  EXPECT_EQ(machine.Get(kBuffer + 100, 2), "om");
  EXPECT_EQ(machine.ring(0).used_entry(0).length, 6u);
  EXPECT_EQ(machine.interrupts(), 1);
}

TEST(VirtioRngTest, KernelIsASource) {
  auto source = VirtioRng::OpenSource();
  ASSERT_TRUE(source.ok()) << source.status();
  VirtioRng rng(*std::move(source));
  VirtioMachine machine(rng);
  machine.ring(0).Add({{kBuffer, 64, true}});
  ASSERT_TRUE(rng.Notify(0).ok());
  EXPECT_EQ(machine.ring(0).used_entry(0).length, 64u);
  EXPECT_NE(machine.Get(kBuffer, 64), std::string(64, '\0'));
}

TEST(VirtioRngTest, BufferToReadIsReturnedEmpty) {
  VirtioRng rng(*VirtioRng::OpenSource());
  VirtioMachine machine(rng);
  machine.ring(0).Add({{kBuffer, 64, false}});
  ASSERT_TRUE(rng.Notify(0).ok());
  EXPECT_EQ(machine.ring(0).used_entry(0).length, 0u);
}

TEST(VirtioRngTest, FailedSourceGivesNothing) {
  VirtioRng rng{UniqueFd()};
  VirtioMachine machine(rng);
  machine.ring(0).Add({{kBuffer, 64, true}});
  ASSERT_TRUE(rng.Notify(0).ok());
  EXPECT_EQ(machine.ring(0).used_entry(0).length, 0u);
}

}  // namespace
}  // namespace lguest
