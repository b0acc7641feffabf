#include "hostsim/testing/script.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace lguest::hostsim {
namespace {

TEST(ScriptTest, ParsedTextEqualsBuiltScript) {
  const Script parsed = Script::Parse(R"(
    # a console that echoes
    dma 0x4000 256@0x5000 16@0x6000
    bind 0 0x4000 1 1
    wait 1
    expect 0x5000 "hi\n"
    put 0x5000 00ff
    send 0 0x4000
    ring 5 1
    result 7
    crash Power down
  )")
                            .value();
  const Script built = Script()
                           .Dma(0x4000, {{0x5000, 256}, {0x6000, 16}})
                           .Bind(DmaKey(0), GuestPhys(0x4000), 1, 1)
                           .Wait(1)
                           .Expect(0x5000, "hi\n")
                           .Put(0x5000, std::string_view("\0\xff", 2))
                           .Send(DmaKey(0), GuestPhys(0x4000))
                           .Ring(Hypercall::kFlushTlb, 1)
                           .ExpectResult(7)
                           .Crash("Power down");
  ASSERT_EQ(parsed.actions().size(), built.actions().size());
  for (size_t i = 0; i < built.actions().size(); ++i) {
    EXPECT_EQ(parsed.actions()[i].op, built.actions()[i].op) << i;
    EXPECT_EQ(parsed.actions()[i].numbers, built.actions()[i].numbers) << i;
    EXPECT_EQ(parsed.actions()[i].bytes, built.actions()[i].bytes) << i;
  }
}

TEST(ScriptTest, ActionHasLineNumber) {
  EXPECT_EQ(Script::Parse("\n# two\nwait 1").value().actions()[0].line, 3);
}

TEST(ScriptTest, ErrorsNameTheLine) {
  EXPECT_EQ(Script::Parse("wait 1\nwait x").status().message(),
            "line 2: 'wait x' needs 1 to 1 numbers");
  EXPECT_EQ(Script::Parse("dance").status().message(), "line 1: 'dance' is not an action");
}

TEST(ScriptTest, RejectsInvalidActions) {
  for (const std::string_view text :
       {"wait", "wait 1 2", "wait -1", "wait 4294967296", "put 1", "put 1 abc", "put 1 \"abc",
        "put x \"a\"", "dma", "dma 1 2", "dma 1 2@", "dma 1 65536@1", "bind 1 2 3", "init now",
        "hypercall", "int 1 2"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Script::Parse(text).status())) << text;
  }
}

}  // namespace
}  // namespace lguest::hostsim
