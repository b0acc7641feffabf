// A list of pieces of memory on its way through readv(), writev() and their kin.

#ifndef DEVICES_IO_VECTOR_H_
#define DEVICES_IO_VECTOR_H_

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "launcher/guest/abi.h"

namespace lguest {

// The sections of a DmaChain, and at most one piece more, of which the kernel has done a part: what
// is left can be handed to the next call.
class IoVector {
 public:
  // No pieces. (Written out so that the array is left as it is, which is large for a short list.)
  IoVector() {}
  IoVector(const IoVector&) = delete;
  IoVector& operator=(const IoVector&) = delete;

  // At most kMaxDmaSections pieces, as in every DmaChain.
  explicit IoVector(std::span<const iovec> pieces);

  void Append(iovec piece);

  // What is left; `count()` fits the third argument of readv().
  const iovec* data() const { return pieces_.data() + first_; }
  int count() const { return static_cast<int>(end_ - first_); }
  bool empty() const { return first_ == end_; }
  uint64_t size() const;  // bytes

  // The first `len` bytes are done.
  void Consume(uint64_t len);

  // Only the first `len` bytes are wanted.
  void Truncate(uint64_t len);

 private:
  std::array<iovec, kMaxDmaSections + 1> pieces_;
  size_t first_ = 0;
  size_t end_ = 0;
};

}  // namespace lguest

#endif  // DEVICES_IO_VECTOR_H_
