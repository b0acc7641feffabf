#include <charconv>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "hostsim/testing/script.h"

namespace lguest::hostsim {
namespace {

// Decimal, or hexadecimal with the prefix 0x.
std::optional<uint32_t> ParseNumber(std::string_view word) {
  int base = 10;
  if (word.starts_with("0x")) {
    base = 16;
    word.remove_prefix(2);
  }
  uint32_t number = 0;
  const char* const end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data(), end, number, base);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

// "text", or pairs of hexadecimal digits.
std::optional<std::string> ParseBytes(std::string_view word) {
  if (word.size() >= 2 && word.starts_with('"') && word.ends_with('"')) {
    std::string text;
    if (!absl::CUnescape(word.substr(1, word.size() - 2), &text)) return std::nullopt;
    return text;
  }
  if (word.empty() || word.size() % 2 != 0) return std::nullopt;
  for (const char digit : word) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(digit))) return std::nullopt;
  }
  return absl::HexStringToBytes(word);
}

std::optional<Script::Section> ParseSection(std::string_view word) {
  const std::vector<std::string_view> parts = absl::StrSplit(word, '@');
  if (parts.size() != 2) return std::nullopt;
  const std::optional<uint32_t> len = ParseNumber(parts[0]);
  const std::optional<uint32_t> addr = ParseNumber(parts[1]);
  if (!len.has_value() || *len > UINT16_MAX || !addr.has_value()) return std::nullopt;
  return Script::Section{.addr = *addr, .len = static_cast<uint16_t>(*len)};
}

// The words of a line after the first word.
class Words {
 public:
  explicit Words(std::string_view rest) : rest_(rest) {}

  // Parses all remaining words as numbers. Numbers beyond `least` are optional and default to 0.
  std::optional<std::vector<uint32_t>> Numbers(size_t least, size_t most) {
    std::vector<uint32_t> numbers;
    for (const std::string_view word : absl::StrSplit(rest_, ' ', absl::SkipEmpty())) {
      const std::optional<uint32_t> number = ParseNumber(word);
      if (!number.has_value()) return std::nullopt;
      numbers.push_back(*number);
    }
    if (numbers.size() < least || numbers.size() > most) return std::nullopt;
    numbers.resize(most);
    return numbers;
  }

  // Parses one number and keeps the rest of the line.
  std::optional<uint32_t> Number() {
    const std::pair<std::string_view, std::string_view> split =
        absl::StrSplit(rest_, absl::MaxSplits(' ', 1));
    rest_ = absl::StripLeadingAsciiWhitespace(split.second);
    return ParseNumber(split.first);
  }

  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

constexpr char kNoBytes[] = "needs an address and bytes";

}  // namespace

absl::StatusOr<Script> Script::Parse(std::string_view text) {
  Script script;
  for (const std::string_view line : absl::StrSplit(text, '\n')) {
    ++script.line_;
    const std::string_view stripped = absl::StripAsciiWhitespace(line);
    if (stripped.empty() || stripped.starts_with('#')) continue;
    if (absl::Status status = script.ParseLine(stripped); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "line %d: '%s' %s", script.line_, absl::CHexEscape(stripped), status.message()));
    }
  }
  return script;
}

absl::Status Script::ParseLine(std::string_view line) {
  const std::pair<std::string_view, std::string_view> split =
      absl::StrSplit(line, absl::MaxSplits(' ', 1));
  const std::string_view verb = split.first;
  Words words(absl::StripLeadingAsciiWhitespace(split.second));

  if (verb == "init" && words.rest().empty()) {
    Init();
    return absl::OkStatus();
  }
  if (verb == "crash") {
    Crash(words.rest());
    return absl::OkStatus();
  }
  if (verb == "put" || verb == "expect") {
    const std::optional<uint32_t> addr = words.Number();
    const std::optional<std::string> bytes = ParseBytes(words.rest());
    if (!addr.has_value() || !bytes.has_value()) return absl::InvalidArgumentError(kNoBytes);
    verb == "put" ? Put(*addr, *bytes) : Expect(*addr, *bytes);
    return absl::OkStatus();
  }
  if (verb == "dma") {
    const std::optional<uint32_t> addr = words.Number();
    std::vector<Section> sections;
    for (const std::string_view word : absl::StrSplit(words.rest(), ' ', absl::SkipEmpty())) {
      const std::optional<Section> section = ParseSection(word);
      if (!section.has_value()) {
        return absl::InvalidArgumentError("has a section that is not LEN@ADDR");
      }
      sections.push_back(*section);
    }
    if (!addr.has_value() || sections.size() > kMaxDmaSections) {
      return absl::InvalidArgumentError("needs an address and at most 16 sections");
    }
    Dma(*addr, sections);
    return absl::OkStatus();
  }

  struct NumericVerb {
    std::string_view name;
    size_t least;
    size_t most;
    void (*add)(Script&, const std::vector<uint32_t>&);
  };
  static constexpr NumericVerb kVerbs[] = {
      {"bind", 4, 4,
       [](Script& s, const std::vector<uint32_t>& n) {
         s.Bind(DmaKey(n[0]), GuestPhys(n[1]), n[2], n[3]);
       }},
      {"unbind", 2, 2,
       [](Script& s, const std::vector<uint32_t>& n) { s.Unbind(DmaKey(n[0]), GuestPhys(n[1])); }},
      {"send", 2, 2,
       [](Script& s, const std::vector<uint32_t>& n) { s.Send(DmaKey(n[0]), GuestPhys(n[1])); }},
      {"put32", 2, 2, [](Script& s, const std::vector<uint32_t>& n) { s.Put32(n[0], n[1]); }},
      {"hypercall", 1, 4,
       [](Script& s, const std::vector<uint32_t>& n) { s.Add(Action::Op::kHypercall, n); }},
      {"ring", 1, 4,
       [](Script& s, const std::vector<uint32_t>& n) { s.Add(Action::Op::kRing, n); }},
      {"trap", 1, 3,
       [](Script& s, const std::vector<uint32_t>& n) { s.Add(Action::Op::kTrap, n); }},
      {"int", 1, 1,
       [](Script& s, const std::vector<uint32_t>& n) { s.Add(Action::Op::kSoftware, n); }},
      {"register", 2, 2,
       [](Script& s, const std::vector<uint32_t>& n) { s.SetRegister(n[0], n[1]); }},
      {"wait", 1, 1, [](Script& s, const std::vector<uint32_t>& n) { s.Wait(n[0]); }},
      {"spin", 1, 1, [](Script& s, const std::vector<uint32_t>& n) { s.Spin(n[0]); }},
      {"expect32", 2, 2, [](Script& s, const std::vector<uint32_t>& n) { s.Expect32(n[0], n[1]); }},
      {"result", 1, 1, [](Script& s, const std::vector<uint32_t>& n) { s.ExpectResult(n[0]); }},
  };
  for (const NumericVerb& candidate : kVerbs) {
    if (candidate.name != verb) continue;
    const std::optional<std::vector<uint32_t>> numbers =
        words.Numbers(candidate.least, candidate.most);
    if (!numbers.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("needs %u to %u numbers", candidate.least, candidate.most));
    }
    candidate.add(*this, *numbers);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("is not an action");
}

}  // namespace lguest::hostsim
