// Tests features that only compiled scripts have. //hostsim/conformance tests that compiled scripts
// do the same as ScriptedVcpu.

#include "hostsim/testing/script_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "hostsim/clock.h"
#include "hostsim/software_host.h"
#include "hostsim/testing/test_platform.h"

namespace lguest::hostsim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ScriptCodeTest : public ::testing::Test {
 protected:
  // Runs the script's code until its guest dies, and returns the reason.
  std::string DeathOf(const Script& script) {
    const absl::StatusOr<BootState> boot = LoadScriptCode(script, *memory_);
    if (!boot.ok()) return std::string(boot.status().message());
    const std::unique_ptr<Vcpu> cpu = CurrentTestPlatform().new_cpu(*memory_).value();
    const std::unique_ptr<Clock> clock = NewRealClock().value();
    SoftwareHost host(*memory_, *cpu, *clock);
    EXPECT_TRUE(host.Initialize(*boot).ok());
    const Exit exit = host.Run().value();
    const Died* died = std::get_if<Died>(&exit);
    return died == nullptr ? "not dead" : died->reason;
  }

  const std::unique_ptr<GuestMemory> memory_ = GuestMemory::Create(kScriptMemorySize).value();
};

TEST_F(ScriptCodeTest, FailedExpectationsAreReported) {
  const Script script = Script::Parse(R"(init
    put 0x5000 "seven!!"
    expect 0x5000 "seven!!"
    expect 0x5000 "seven!?"
    expect 0x5000 "else"
    hypercall 12 0x5000 0x6000 0x103
    result 1
    result 0
    crash x)")
                            .value();
  EXPECT_EQ(DeathOf(script), "CRASH: x");
  const int first = static_cast<int>(script.actions().size()) - 6;
  EXPECT_THAT(ScriptCodeFailures(script, *memory_),
              ElementsAre("line 4, action " + std::to_string(first) + " is not as expected",
                          "and another", "and another"));
}

TEST_F(ScriptCodeTest, NoFailuresWithoutExpectations) {
  const Script script = Script().Init().Crash("x");
  EXPECT_EQ(DeathOf(script), "CRASH: x");
  EXPECT_THAT(ScriptCodeFailures(script, *memory_), IsEmpty());
}

TEST_F(ScriptCodeTest, EndOfScriptIsACrash) {
  EXPECT_EQ(DeathOf(Script().Init()), "CRASH: script ended");
}

TEST_F(ScriptCodeTest, TrapsAreReal) {
  EXPECT_THAT(DeathOf(Script().Init().Trap(6)),
              ::testing::StartsWith("unhandled trap 6 at 0xc001"));
  EXPECT_THAT(DeathOf(Script().Init().Trap(13)), ::testing::EndsWith("(0x0)"));
  EXPECT_THAT(DeathOf(Script().Init().Trap(14, 2, 0xdead0000)),
              ::testing::EndsWith("(0xdead0000)"));
  EXPECT_THAT(DeathOf(Script().Init().SoftwareInterrupt(0x80)), ::testing::EndsWith("(0x402)"));
}

TEST_F(ScriptCodeTest, UnsupportedActionsAreRejected) {
  for (const Script& script :
       {Script().SetRegister(0, 1), Script().Trap(1), Script().Trap(13, 8), Script().Trap(14, 4),
        Script().Put(kScriptMemorySize - 1, "ab"), Script().Put32(0xfffffff0, 1)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(LoadScriptCode(script, *memory_).status()));
  }
}

TEST_F(ScriptCodeTest, TooLongScriptIsRejected) {
  Script script;
  for (int i = 0; i < 100; ++i) script.Put(0x5000, std::string(4096, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(LoadScriptCode(script, *memory_).status()));
  const auto small = GuestMemory::Create(16 * kPageSize).value();
  EXPECT_TRUE(absl::IsInvalidArgument(LoadScriptCode(Script(), *small).status()));
}

}  // namespace
}  // namespace lguest::hostsim
