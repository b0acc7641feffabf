// Numbers and strings as bytes of a recording.

#ifndef LAUNCHER_TIMETRAVEL_BYTES_H_
#define LAUNCHER_TIMETRAVEL_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lguest::timetravel {

// Appends to a string. A number takes a byte for each 7 bits, the lowest first; the highest bit of
// each byte but the last is set. A string is its length and its bytes.
class ByteWriter {
 public:
  void Number(uint64_t value);
  void String(std::string_view text);

  const std::string& bytes() const { return bytes_; }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

// Reads what a ByteWriter wrote. After a read that goes past the end, or a number above 64 bits,
// ok() is false, and every read returns 0 or an empty string.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  uint64_t Number();
  // A number of at most `max`.
  uint64_t Number(uint64_t max);
  std::string String();

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == bytes_.size(); }
  size_t offset() const { return at_; }

 private:
  uint64_t Fail();

  std::string_view bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_BYTES_H_
