// Counting and the cache of translated code.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#include "hostsim/softcpu/testing/soft_cpu_platform.h"
#include "hostsim/testing/counted_guest.h"

namespace lguest::hostsim {
namespace {

constexpr uint8_t kRounds = 10;

TEST(CountedCodeTest, CodeFlushesChangeNothing) {
  const TestPlatform large = SoftCpuPlatform("Large", {.counts_instructions = true});
  const CountedGuest::State expected = CountedGuest(kRounds, large).RunTo(~uint64_t{0});
  EXPECT_EQ(expected.count, CountedGuest::Length(kRounds));
  for (const size_t limit : {size_t{0}, size_t{10'000}}) {
    const TestPlatform small =
        SoftCpuPlatform("Small", {.counts_instructions = true, .code_limit = limit});
    EXPECT_EQ(CountedGuest(kRounds, small).RunTo(~uint64_t{0}), expected) << limit;
    CountedGuest stopped(kRounds, small);
    EXPECT_EQ(stopped.RunWithStops([](uint32_t n) { return n % 7; }), expected) << limit;
  }
}

TEST(CountedCodeTest, CpuWithoutCountingOffersNone) {
  TestMachine machine(SoftCpuPlatform("Uncounted", {}));
  EXPECT_EQ(machine.cpu->counted(), nullptr);
}

}  // namespace
}  // namespace lguest::hostsim
