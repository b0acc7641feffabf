// The console. Output uses SEND_DMA; input arrives in one buffer bound to key 0 (ABI.md §4.19).

#ifndef TESTDATA_GUEST_CONSOLE_H_
#define TESTDATA_GUEST_CONSOLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "testdata/guest/text.h"

namespace guest {

// Works after LGUEST_INIT. `text` must be in the kernel's linear map.
void WriteConsole(std::string_view text);

template <typename... Pieces>
void Print(const Pieces&... pieces) {
  WriteConsole(Text(pieces...).View());
}

// Binds the input buffer. Call after setting up interrupts and devices.
void InitConsoleInput();

// Returns the next byte of input, or nothing after `timeout_ms`. 0 means no limit.
std::optional<char> ReadConsole(uint32_t timeout_ms = 0);

// Returns a line without its line end. The host's terminal is raw, so this function echoes and
// handles backspace. Characters that do not fit are ignored. Returns nothing if `timeout_ms` pass
// without a key.
std::optional<std::string_view> ReadLine(std::span<char> line, uint32_t timeout_ms = 0);

}  // namespace guest

#endif  // TESTDATA_GUEST_CONSOLE_H_
