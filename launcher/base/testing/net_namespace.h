// A network namespace for a test.

#ifndef LAUNCHER_BASE_TESTING_NET_NAMESPACE_H_
#define LAUNCHER_BASE_TESTING_NET_NAMESPACE_H_

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "launcher/base/unique_fd.h"

namespace lguest {

// Moves this thread, and the threads that it starts later, into a new network namespace in which it
// has all rights. Returns the reason if that is not possible, or an empty string.
inline std::string EnterNetNamespace() {
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    return std::string("no network namespace: ") + strerror(errno);
  }
  const UniqueFd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!tun.valid()) return std::string("/dev/net/tun: ") + strerror(errno);
  return "";
}

}  // namespace lguest

#endif  // LAUNCHER_BASE_TESTING_NET_NAMESPACE_H_
