#include "launcher/guest_id.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace lguest {
namespace {

// An abstract name begins with a zero byte and is not in the file system.
bool TakeName(const UniqueFd& socket, std::string_view name) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto len = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), len) == 0;
}

}  // namespace

GuestId GuestId::Claim(std::string_view pool) {
  UniqueFd name(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  for (uint32_t id = 0; id <= UINT16_MAX; ++id) {
    if (TakeName(name, absl::StrCat(pool, ".", id))) {
      return {static_cast<uint16_t>(id), std::move(name)};
    }
    if (errno != EADDRINUSE) break;
  }
  return {0, UniqueFd()};
}

}  // namespace lguest
