#include "devices/io_vector.h"

#include <algorithm>
#include <cassert>

namespace lguest {

IoVector::IoVector(std::span<const iovec> pieces) {
  assert(pieces.size() <= kMaxDmaSections);
  for (const iovec& piece : pieces) Append(piece);
}

void IoVector::Append(iovec piece) {
  assert(end_ < pieces_.size());
  if (piece.iov_len != 0) pieces_[end_++] = piece;
}

uint64_t IoVector::size() const {
  uint64_t size = 0;
  for (size_t i = first_; i < end_; ++i) size += pieces_[i].iov_len;
  return size;
}

void IoVector::Consume(uint64_t len) {
  while (len != 0 && first_ != end_) {
    iovec& piece = pieces_[first_];
    const auto part = static_cast<size_t>(std::min<uint64_t>(len, piece.iov_len));
    piece.iov_base = static_cast<std::byte*>(piece.iov_base) + part;
    piece.iov_len -= part;
    len -= part;
    if (piece.iov_len == 0) ++first_;
  }
}

void IoVector::Truncate(uint64_t len) {
  size_t i = first_;
  for (; i < end_ && len != 0; ++i) {
    pieces_[i].iov_len = static_cast<size_t>(std::min<uint64_t>(len, pieces_[i].iov_len));
    len -= pieces_[i].iov_len;
  }
  end_ = i;
}

}  // namespace lguest
