// The console: output by SEND_DMA, input into one buffer bound to key 0 (ABI.md §4.19).

#ifndef TESTDATA_GUEST_CONSOLE_H_
#define TESTDATA_GUEST_CONSOLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "testdata/guest/text.h"

namespace guest {

// Works from LGUEST_INIT on; `text` must lie in the kernel's linear map.
void WriteConsole(std::string_view text);

template <typename... Pieces>
void Print(const Pieces&... pieces) {
  WriteConsole(Text(pieces...).View());
}

// Binds the input buffer. Interrupts and devices must have been set up.
void InitConsoleInput();

// The next byte of input; nothing when none came for so long. No limit: 0.
std::optional<char> ReadConsole(uint32_t timeout_ms = 0);

// A line without its end, edited by the user: the host's terminal is raw, so echo and backspace are
// ours. A line that does not fit stops growing. Nothing when `timeout_ms` passed without a key.
std::optional<std::string_view> ReadLine(std::span<char> line, uint32_t timeout_ms = 0);

}  // namespace guest

#endif  // TESTDATA_GUEST_CONSOLE_H_
