// Packets of gdb's remote serial protocol.

#ifndef LAUNCHER_GDB_PACKET_H_
#define LAUNCHER_GDB_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lguest::gdb {

// "$BODY#CHECKSUM". The body must have no '$', '#', '}' or '*'.
std::string EncodePacket(std::string_view body);

// The body of an answer to `monitor`.
std::string EncodeText(std::string_view text);

std::string ToHex(std::span<const std::byte> bytes);
// nullopt if `text` is not pairs of hexadecimal digits.
std::optional<std::string> FromHex(std::string_view text);

// Takes a hexadecimal number of at most 16 digits from the start of `text`; nullopt: there is none.
std::optional<uint64_t> TakeHexNumber(std::string_view& text);
// Takes "ADDRESS,LENGTH".
struct Range {
  uint64_t address = 0;
  uint64_t length = 0;
};
std::optional<Range> TakeRange(std::string_view& text);

// Finds packets in what a client sends. The client may send anything.
class PacketReader {
 public:
  // The longest body. A longer packet is dropped.
  static constexpr size_t kMaxBody = 16384;

  enum class Event : uint8_t {
    kNone,       // more bytes are needed
    kPacket,     // body()
    kBroken,     // a packet with a wrong checksum, or one that is too long
    kInterrupt,  // ^C between packets
  };

  void Append(std::string_view bytes) { bytes_.append(bytes); }

  // Takes the next event.
  Event Next();

  const std::string& body() const { return body_; }

 private:
  std::string bytes_;  // not taken yet
  std::string body_;
};

}  // namespace lguest::gdb

#endif  // LAUNCHER_GDB_PACKET_H_
