// An iovec list for readv(), writev() and similar calls, which may transfer only a part of it.

#ifndef DEVICES_BUS_IO_VECTOR_H_
#define DEVICES_BUS_IO_VECTOR_H_

#include <sys/uio.h>

#include <array>
#include <cassert>
#include <cstddef>
#include <span>

#include "devices/bus/dma_chain.h"

namespace lguest {

// The remaining pieces of a transfer: the sections of a DmaChain and at most one piece more. After
// a partial transfer, Consume() leaves the pieces for the next call. Most transfers complete in one
// call, so the list is copied only when it changes.
class IoVector {
 public:
  IoVector(const IoVector&) = delete;
  IoVector& operator=(const IoVector&) = delete;

  // At most kMaxChainPieces pieces, none empty, as in every DmaChain. The array of pieces must
  // outlive the vector.
  explicit IoVector(std::span<const iovec> pieces) : remaining_(pieces) {
    assert(pieces.size() <= kMaxChainPieces);
  }

  void Append(iovec piece);

  // The remaining pieces, as the second and third argument of readv().
  const iovec* data() const { return remaining_.data(); }
  int count() const { return static_cast<int>(remaining_.size()); }
  bool empty() const { return remaining_.empty(); }

  // Merges pieces that are adjacent in memory.
  void MergeAdjacent();

  // Removes the first `len` bytes.
  void Consume(size_t len);

 private:
  // Copies the remaining pieces to `storage_` and returns the first of them.
  iovec* CopyToStorage();

  std::span<const iovec> remaining_;
  std::array<iovec, kMaxChainPieces + 1> storage_;
};

}  // namespace lguest

#endif  // DEVICES_BUS_IO_VECTOR_H_
