// An owned file descriptor.

#ifndef LAUNCHER_BASE_UNIQUE_FD_H_
#define LAUNCHER_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace lguest {

// Closes its file descriptor on destruction. -1: none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() {
    if (fd_ != -1) close(fd_);
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ != -1; }

 private:
  int fd_ = -1;
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_UNIQUE_FD_H_
