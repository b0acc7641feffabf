// A list of pieces of memory on its way through readv(), writev() and their kin.

#ifndef DEVICES_BUS_IO_VECTOR_H_
#define DEVICES_BUS_IO_VECTOR_H_

#include <sys/uio.h>

#include <array>
#include <cassert>
#include <cstddef>
#include <span>

#include "launcher/guest/abi.h"

namespace lguest {

// The sections of a DmaChain, and at most one piece more, of which the kernel has done a part: what
// is left can be handed to the next call. Most of the time the kernel does all in one go, so the
// list is copied only when it has to change.
class IoVector {
 public:
  IoVector(const IoVector&) = delete;
  IoVector& operator=(const IoVector&) = delete;

  // At most kMaxDmaSections pieces, none of them empty, as in every DmaChain. They have to outlive
  // the vector.
  explicit IoVector(std::span<const iovec> pieces) : remaining_(pieces) {
    assert(pieces.size() <= kMaxDmaSections);
  }

  void Append(iovec piece);

  // What is left; `count()` fits the third argument of readv().
  const iovec* data() const { return remaining_.data(); }
  int count() const { return static_cast<int>(remaining_.size()); }
  bool empty() const { return remaining_.empty(); }

  // Makes one piece of those that follow each other in memory.
  void MergeAdjacent();

  // The first `len` bytes are done.
  void Consume(size_t len);

 private:
  // Has what is left in `storage_`, and returns the first of it.
  iovec* CopyToStorage();

  std::span<const iovec> remaining_;
  std::array<iovec, kMaxDmaSections + 1> storage_;
};

}  // namespace lguest

#endif  // DEVICES_BUS_IO_VECTOR_H_
