#include "hostsim/kvm/kvm_fd.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"

namespace lguest::hostsim {

KvmFd::~KvmFd() {
  if (fd_ >= 0) close(fd_);
}

KvmFd& KvmFd::operator=(KvmFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

absl::StatusOr<int> KvmFd::Ioctl(unsigned long request, unsigned long argument,
                                 const char* what) const {
  int result = 0;
  do {
    result = ioctl(fd_, request, argument);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return absl::ErrnoToStatus(errno, what);
  return result;
}

}  // namespace lguest::hostsim
