#include "hostsim/kvm/kvm_fd.h"

#include <sys/ioctl.h>

#include <cerrno>

#include "absl/status/status.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {

absl::StatusOr<int> KvmFd::Ioctl(unsigned long request, unsigned long argument,
                                 const char* what) const {
  int result = 0;
  do {
    result = ioctl(get(), request, argument);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return ErrnoStatus(what);
  return result;
}

}  // namespace lguest::hostsim
