// Text of a guest, made safe to show.

#ifndef DEVICES_ESCAPE_H_
#define DEVICES_ESCAPE_H_

#include <string>
#include <string_view>

namespace lguest {

// `text` on one line of printable ASCII: every other byte, and the backslash, as \n, \r, \t, \\ or
// \xNN. Without this the reason of a guest's death could reprogram the terminal that shows it.
std::string EscapeForTerminal(std::string_view text);

}  // namespace lguest

#endif  // DEVICES_ESCAPE_H_
