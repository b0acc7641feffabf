// Text of a guest, made safe to show.

#ifndef LAUNCHER_BASE_TERMINAL_QUOTE_H_
#define LAUNCHER_BASE_TERMINAL_QUOTE_H_

#include <string>
#include <string_view>

namespace lguest {

// `text` on one line of printable ASCII: every other byte, and the backslash, as \n, \r, \t, \\ or
// \xNN. Without this the reason of a guest's death could reprogram the terminal that shows it.
std::string QuoteForTerminal(std::string_view text);

}  // namespace lguest

#endif  // LAUNCHER_BASE_TERMINAL_QUOTE_H_
