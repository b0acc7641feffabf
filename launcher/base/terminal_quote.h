// Makes text of a guest safe to print.

#ifndef LAUNCHER_BASE_TERMINAL_QUOTE_H_
#define LAUNCHER_BASE_TERMINAL_QUOTE_H_

#include <string>
#include <string_view>

namespace lguest {

// `text` as one line of printable ASCII. Each other byte, and the backslash, becomes \n, \r, \t,
// \\ or
// \xNN. Unquoted, the reason of a guest's death could send control sequences to the terminal.
std::string QuoteForTerminal(std::string_view text);

// `text` with each control character as \xNN, and all else unchanged: for a message that contains
// names of the user in any character set, and text that is quoted already.
std::string EscapeControls(std::string_view text);

}  // namespace lguest

#endif  // LAUNCHER_BASE_TERMINAL_QUOTE_H_
