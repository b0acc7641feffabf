// Runs random user code on the software CPU and on the processor of this machine, and compares the
// results.
//
//   bazel test //hostsim/softcpu/differential:differential_test --test_env=LGUEST_SEQUENCES=1000000
//       --test_env=LGUEST_SEED=1 --test_timeout=3600 --test_output=all

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hostsim/softcpu/differential/comparison.h"
#include "hostsim/softcpu/differential/cpu_state.h"
#include "hostsim/softcpu/differential/integer_code.h"
#include "hostsim/softcpu/differential/native_cpu.h"
#include "hostsim/softcpu/differential/random.h"
#include "hostsim/softcpu/differential/soft_machine.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kFewSequences = 20000;
constexpr int kMostInstructions = 20;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  uint64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : otherwise;
}

using Maker = RandomCode (*)(Random&, uint32_t address, int count);

class DifferentialTest : public testing::Test {
 protected:
  // Compares the results of as many pieces of code of `make` as requested.
  void Compare(Maker make) {
    const absl::StatusOr<std::unique_ptr<NativeCpu>> native = NativeCpu::Create();
    if (!native.ok()) GTEST_SKIP() << native.status().message();
    const uint64_t sequences = FromEnvironment("LGUEST_SEQUENCES", kFewSequences);
    const uint64_t seed = FromEnvironment("LGUEST_SEED", 1);
    SoftMachine soft;
    uint64_t at_the_end = 0;
    uint64_t faults = 0;
    constexpr uint64_t kMostDifferences = 5;
    uint64_t differences = 0;
    for (uint64_t i = 0; i < sequences && differences < kMostDifferences; ++i) {
      // Each piece has its own seed, so that it can be run again alone.
      const uint64_t own_seed = seed + i;
      const Outcome outcome = CompareOne(make, own_seed, **native, soft, &differences);
      if (outcome.vector == 14) ++faults;
      if (outcome.vector == 6) ++at_the_end;
    }
    EXPECT_EQ(differences, 0u);
    std::cout << sequences << " sequences from seed " << seed << ": " << at_the_end
              << " to their end or an undefined opcode, " << faults << " to a page fault\n";
  }

 private:
  Outcome CompareOne(Maker make, uint64_t seed, NativeCpu& native, SoftMachine& soft,
                     uint64_t* differences) {
    Random random(seed);
    // Some of the code runs past its pages.
    constexpr uint32_t kCodeEnd = kCodeAddress + kCodePages * kPage;
    const uint32_t address = random.OneIn(16)
                                 ? kCodeEnd - 1 - random.Below(64)
                                 : kCodeAddress + random.Below((kCodePages - 1) * kPage);
    const RandomCode code =
        make(random, address, 1 + static_cast<int>(random.Below(kMostInstructions)));
    const std::span<const uint8_t> bytes =
        std::span(code.bytes).first(std::min<size_t>(code.bytes.size(), kCodeEnd - address));
    const CpuState start = RandomState(random, address);

    for (uint8_t& byte : native.data()) byte = random.Byte();
    for (uint8_t& byte : native.stack()) byte = random.Byte();
    std::ranges::copy(native.data(), soft.data().begin());
    std::ranges::copy(native.stack(), soft.stack().begin());
    std::ranges::copy(bytes, native.code().begin() + (address - kCodeAddress));
    soft.SetCode(address, bytes);

    const Outcome expected = native.Run(start);
    const Outcome outcome = soft.Run(start, code.uses_fpu);
    std::string difference = Difference(code, expected, outcome);
    if (!MayBeHalfDone(code, expected)) {
      difference += MemoryDifference(kDataAddress, native.data(), soft.data());
      difference += MemoryDifference(kStackAddress, native.stack(), soft.stack());
    }
    if (!difference.empty()) {
      ++*differences;
      ADD_FAILURE() << "seed " << seed << "\n" << Describe(code, start) << difference;
    }
    return expected;
  }

  static CpuState RandomState(Random& random, uint32_t address) {
    constexpr uint32_t kEflags = 0x202;
    constexpr uint32_t kChanged = 0xcd5;
    CpuState state;
    for (uint32_t& reg : state.regs) reg = random.Value();
    state.regs[4] = kStackAddress + kPage + random.Below(256);
    state.eip = address;
    state.eflags = (random.Word() & kChanged) | kEflags;
    return state;
  }
};

TEST_F(DifferentialTest, IntegerCodeMatchesNativeCpu) { Compare(RandomIntegerCode); }

}  // namespace
}  // namespace lguest::hostsim
