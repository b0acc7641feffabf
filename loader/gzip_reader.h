// Decompresses one gzip member incrementally (RFC 1952).

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
// Decompresses directly into the output; one large Read() costs as much as one call of inflate().
class GzipReader {
 public:
  enum class State {
    kMore,  // the output is full; only the next Read() shows whether more data follows
    kDone,  // the member is complete; checksum and length are correct
    kBad,   // truncated or corrupt: see error()
  };

  GzipReader();
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Starts a new member at the start of `packed`, which must outlive the calls of Read(). Bytes
  // after the member are ignored.
  void Start(std::span<const std::byte> packed);

  // Decompresses until `out` is full or the member ends.
  State Read(std::span<std::byte> out);

  // Input and output bytes since Start().
  uint64_t consumed() const { return consumed_; }
  uint64_t produced() const { return produced_; }

  // The cause of kBad.
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
