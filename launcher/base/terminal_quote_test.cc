#include "launcher/base/terminal_quote.h"

#include <string_view>

#include "gtest/gtest.h"

namespace lguest {
namespace {

TEST(QuoteForTerminal, PrintableTextIsUnchanged) {
  EXPECT_EQ(QuoteForTerminal("CRASH: Power down ~!\"'%"), "CRASH: Power down ~!\"'%");
}

TEST(QuoteForTerminal, ControlSequencesAreEscaped_B47) {
  EXPECT_EQ(QuoteForTerminal("\x1b]0;title\x07\x7f\x9b"), "\\x1b]0;title\\x07\\x7f\\x9b");
  EXPECT_EQ(QuoteForTerminal("a\nb\rc\td\\n"), "a\\nb\\rc\\td\\\\n");
  EXPECT_EQ(QuoteForTerminal(std::string_view("\0x", 2)), "\\x00x");
}

TEST(EscapeControls, OnlyControlCharactersChange) {
  EXPECT_EQ(EscapeControls("d\xc3\xa9j\xc3\xa0 \\x1b '\x1b[2J'\n"),
            "d\xc3\xa9j\xc3\xa0 \\x1b '\\x1b[2J'\\x0a");
}

}  // namespace
}  // namespace lguest
