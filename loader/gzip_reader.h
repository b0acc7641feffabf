// One gzip member unpacked piece by piece (RFC 1952).

#ifndef LOADER_GZIP_READER_H_
#define LOADER_GZIP_READER_H_

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace lguest::loader {

//   GzipReader reader;
//   reader.Start(packed);
//   GzipReader::State state = reader.Read(out);  // kMore: `out` is full
//
// Each byte goes straight from the input to its final place; one large Read() costs what bare
// inflate() does.
class GzipReader {
 public:
  enum class State {
    kMore,  // the output is full; only the next Read() tells whether anything follows
    kDone,  // all has been unpacked, its checksum and its length are right
    kBad,   // truncated or corrupt: see error()
  };

  GzipReader();
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Takes the member at the start of `packed`, which has to stay; what follows the member does not
  // matter. Forgets what was before.
  void Start(std::span<const std::byte> packed);

  // Unpacks on, until `out` is full or the member ends.
  State Read(std::span<std::byte> out);

  // Bytes so far.
  uint64_t consumed() const { return consumed_; }
  uint64_t produced() const { return produced_; }

  // What was wrong, after kBad.
  const char* error() const { return error_; }

 private:
  z_stream stream_ = {};
  std::span<const std::byte> rest_;
  uint64_t consumed_ = 0;
  uint64_t produced_ = 0;
  const char* error_ = "";
};

}  // namespace lguest::loader

#endif  // LOADER_GZIP_READER_H_
