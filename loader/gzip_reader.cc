#include "loader/gzip_reader.h"

#include <algorithm>
#include <limits>

namespace lguest::loader {
namespace {

constexpr int kGzipWrapping = 16;  // added to the window bits: expect the gzip format

// Limits a size to the range of zlib's type, which may be narrower.
uInt Narrow(size_t size) {
  return static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max()));
}

}  // namespace

GzipReader::GzipReader() {
  if (inflateInit2(&stream_, MAX_WBITS + kGzipWrapping) != Z_OK) {
    error_ = "zlib cannot be initialized";
  }
}

GzipReader::~GzipReader() { inflateEnd(&stream_); }

void GzipReader::Start(std::span<const std::byte> packed) {
  rest_ = packed;
  consumed_ = 0;
  produced_ = 0;
  if (inflateReset(&stream_) == Z_OK) error_ = "";
}

GzipReader::State GzipReader::Read(std::span<std::byte> out) {
  if (stream_.state == nullptr) return State::kBad;
  if (out.empty()) return State::kMore;
  for (;;) {
    const uInt in_size = Narrow(rest_.size());
    const uInt out_size = Narrow(out.size());
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest_.data()));
    stream_.avail_in = in_size;
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = out_size;
    // With Z_FINISH zlib allocates no window when the output fits into one call.
    const int result = inflate(&stream_, Z_FINISH);
    const size_t taken = in_size - stream_.avail_in;
    const size_t given = out_size - stream_.avail_out;
    rest_ = rest_.subspan(taken);
    out = out.subspan(given);
    consumed_ += taken;
    produced_ += given;
    if (result == Z_STREAM_END) return State::kDone;
    if (result != Z_OK && result != Z_BUF_ERROR) {
      error_ = stream_.msg != nullptr ? stream_.msg : "corrupt";
      return State::kBad;
    }
    if (out.empty()) return State::kMore;
    if (rest_.empty()) {
      error_ = "truncated";
      return State::kBad;
    }
    if (taken == 0 && given == 0) {
      error_ = "corrupt";
      return State::kBad;
    }
  }
}

}  // namespace lguest::loader
