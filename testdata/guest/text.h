// A short string built piece by piece. Text that does not fit is cut off.

#ifndef TESTDATA_GUEST_TEXT_H_
#define TESTDATA_GUEST_TEXT_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace guest {

// A number to print in hexadecimal.
struct Hex {
  uint32_t value;
};

class Text {
 public:
  Text() = default;

  template <typename... Pieces>
  explicit Text(const Pieces&... pieces) {
    (Append(pieces), ...);
  }

  void Append(std::string_view text) {
    for (const char c : text) Append(c);
  }
  void Append(const char* text) { Append(std::string_view(text)); }
  void Append(char c) {
    if (size_ < kCapacity) bytes_[size_++] = c;
  }
  void Append(Hex number) {
    Append("0x");
    AppendDigits(number.value, 16);
  }
  void Append(const Text& text) { Append(text.View()); }

  template <std::integral Number>
  void Append(Number number) {
    if constexpr (std::signed_integral<Number>) {
      if (number < 0) Append('-');
      AppendDigits(number < 0 ? 0u - static_cast<uint32_t>(number) : static_cast<uint32_t>(number),
                   10);
    } else {
      AppendDigits(number, 10);
    }
  }

  std::string_view View() const { return {bytes_, size_}; }

 private:
  static constexpr size_t kCapacity = 240;

  void AppendDigits(uint32_t number, uint32_t base) {
    char digits[10];
    size_t count = 0;
    do {
      digits[count++] = "0123456789abcdef"[number % base];
      number /= base;
    } while (number != 0);
    while (count > 0) Append(digits[--count]);
  }

  char bytes_[kCapacity];
  size_t size_ = 0;
};

}  // namespace guest

#endif  // TESTDATA_GUEST_TEXT_H_
