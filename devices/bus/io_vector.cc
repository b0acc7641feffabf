#include "devices/bus/io_vector.h"

#include <algorithm>

namespace lguest {

iovec* IoVector::CopyToStorage() {
  // The remaining pieces may already lie in `storage_`, at a higher index.
  std::copy(remaining_.begin(), remaining_.end(), storage_.begin());
  remaining_ = {storage_.data(), remaining_.size()};
  return storage_.data();
}

void IoVector::Append(iovec piece) {
  assert(remaining_.size() < storage_.size());
  CopyToStorage()[remaining_.size()] = piece;
  remaining_ = {storage_.data(), remaining_.size() + 1};
}

void IoVector::MergeAdjacent() {
  size_t count = 0;
  const std::byte* end = nullptr;  // of the previous piece
  for (const iovec& piece : remaining_) {
    if (count != 0 && piece.iov_base == end) {
      storage_[count - 1].iov_len += piece.iov_len;
    } else {
      storage_[count++] = piece;
    }
    end = static_cast<const std::byte*>(piece.iov_base) + piece.iov_len;
  }
  remaining_ = {storage_.data(), count};
}

void IoVector::Consume(size_t len) {
  size_t done = 0;
  for (; done < remaining_.size() && len >= remaining_[done].iov_len; ++done) {
    len -= remaining_[done].iov_len;
  }
  remaining_ = remaining_.subspan(done);
  if (remaining_.empty() || len == 0) return;
  iovec& piece = *CopyToStorage();
  piece.iov_base = static_cast<std::byte*>(piece.iov_base) + len;
  piece.iov_len -= len;
}

}  // namespace lguest
