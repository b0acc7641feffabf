#include "launcher/base/terminal_quote.h"

#include "absl/strings/str_format.h"

namespace lguest {

std::string QuoteForTerminal(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      safe += "\\n";
    } else if (c == '\r') {
      safe += "\\r";
    } else if (c == '\t') {
      safe += "\\t";
    } else if (c == '\\') {
      safe += "\\\\";
    } else if (byte < 0x20 || byte > 0x7e) {
      absl::StrAppendFormat(&safe, "\\x%02x", byte);
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string EscapeControls(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&safe, "\\x%02x", byte);
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace lguest
