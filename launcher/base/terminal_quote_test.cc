#include "launcher/base/terminal_quote.h"

#include <string_view>

#include "gtest/gtest.h"

namespace lguest {
namespace {

TEST(EscapeForTerminal, PrintableTextStays) {
  EXPECT_EQ(EscapeForTerminal("CRASH: Power down ~!\"'%"), "CRASH: Power down ~!\"'%");
}

TEST(EscapeForTerminal, ControlSequencesAreShown_B47) {
  EXPECT_EQ(EscapeForTerminal("\x1b]0;title\x07\x7f\x9b"), "\\x1b]0;title\\x07\\x7f\\x9b");
  EXPECT_EQ(EscapeForTerminal("a\nb\rc\td\\n"), "a\\nb\\rc\\td\\\\n");
  EXPECT_EQ(EscapeForTerminal(std::string_view("\0x", 2)), "\\x00x");
}

}  // namespace
}  // namespace lguest
