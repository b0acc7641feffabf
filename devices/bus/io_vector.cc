#include "devices/bus/io_vector.h"

#include <algorithm>

namespace lguest {

iovec* IoVector::Copy() {
  // What is left may lie in `own_` already, further back.
  std::copy(left_.begin(), left_.end(), own_.begin());
  left_ = {own_.data(), left_.size()};
  return own_.data();
}

void IoVector::Append(iovec piece) {
  assert(left_.size() < own_.size());
  Copy()[left_.size()] = piece;
  left_ = {own_.data(), left_.size() + 1};
}

void IoVector::Join() {
  size_t count = 0;
  const std::byte* end = nullptr;  // of the last one
  for (const iovec& piece : left_) {
    if (count != 0 && piece.iov_base == end) {
      own_[count - 1].iov_len += piece.iov_len;
    } else {
      own_[count++] = piece;
    }
    end = static_cast<const std::byte*>(piece.iov_base) + piece.iov_len;
  }
  left_ = {own_.data(), count};
}

void IoVector::Consume(size_t len) {
  size_t done = 0;
  for (; done < left_.size() && len >= left_[done].iov_len; ++done) len -= left_[done].iov_len;
  left_ = left_.subspan(done);
  if (left_.empty() || len == 0) return;
  iovec& piece = *Copy();
  piece.iov_base = static_cast<std::byte*>(piece.iov_base) + len;
  piece.iov_len -= len;
}

}  // namespace lguest
