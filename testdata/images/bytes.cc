#include "testdata/images/bytes.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>

namespace lguest::testdata {
namespace {

template <typename T>
void PutNumber(Bytes& bytes, size_t offset, T value) {
  Put(bytes, offset, std::as_bytes(std::span(&value, 1)));
}

constexpr int kGzipWrapping = 16;  // added to the window bits: selects a gzip header

}  // namespace

Bytes FromString(std::string_view text) {
  Bytes bytes;
  Append(bytes, std::as_bytes(std::span(text)));
  return bytes;
}

Bytes Noise(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 0xff);
  return bytes;
}

void Append(Bytes& to, std::span<const std::byte> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void Put(Bytes& bytes, size_t offset, std::span<const std::byte> what) {
  bytes.resize(std::max(bytes.size(), offset + what.size()));
  std::copy(what.begin(), what.end(), bytes.begin() + static_cast<ptrdiff_t>(offset));
}

void Put8(Bytes& bytes, size_t offset, uint8_t value) { PutNumber(bytes, offset, value); }
void Put16(Bytes& bytes, size_t offset, uint16_t value) { PutNumber(bytes, offset, value); }
void Put32(Bytes& bytes, size_t offset, uint32_t value) { PutNumber(bytes, offset, value); }
void Put64(Bytes& bytes, size_t offset, uint64_t value) { PutNumber(bytes, offset, value); }

Bytes Gzip(std::span<const std::byte> bytes, int level) {
  z_stream stream = {};
  if (deflateInit2(&stream, level, Z_DEFLATED, MAX_WBITS + kGzipWrapping, MAX_MEM_LEVEL,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    std::abort();
  }
  Bytes packed(deflateBound(&stream, static_cast<uLong>(bytes.size())));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

Bytes KernelCode(size_t size, uint32_t page_offset, size_t magic_offset, uint32_t load_address) {
  Bytes code(size, std::byte{0x90});  // nop
  for (size_t at = 0; at + 5 <= std::min(size, size_t{8} * 5); at += 5) {
    Put8(code, at, 0xa1);  // mov moffs32, %eax
    Put32(code, at + 1, page_offset + load_address + 32);
  }
  if (size >= 1024) {
    constexpr size_t kTexts = 512;
    constexpr std::string_view kText("\0text of a kernel\0", 18);
    for (size_t i = 0; i < 8; ++i) {
      const size_t text = kTexts + 1 + i * kText.size();
      Put(code, text - 1, FromString(kText));
      Put8(code, 128 + 5 * i, 0xb8);  // mov imm32, %eax
      Put32(code, 129 + 5 * i, page_offset + load_address + static_cast<uint32_t>(text));
    }
  }
  Put(code, magic_offset, FromString("GenuineLguest"));
  Put16(code, magic_offset + 13, 0xfeeb);  // here: jmp here
  code.resize(size);
  return code;
}

}  // namespace lguest::testdata
