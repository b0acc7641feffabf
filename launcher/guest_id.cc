#include "launcher/guest_id.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <zlib.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

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

uint16_t PreferredGuestId(std::span<const std::string> command_line) {
  std::string identity;
  const auto add = [&](std::string_view part) { absl::StrAppend(&identity, part, "\n"); };
  for (const std::string& word : command_line) add(word);
  std::error_code no_directory;
  add(std::filesystem::current_path(no_directory).string());
  utsname names = {};
  if (uname(&names) == 0) add(names.nodename);
  std::string machine;
  std::getline(std::ifstream("/etc/machine-id"), machine);
  add(machine);
  struct stat64 network = {};
  if (stat64("/proc/self/ns/net", &network) == 0) add(absl::StrCat(network.st_ino));
  const auto* const bytes = reinterpret_cast<const Bytef*>(identity.data());
  const auto hash = static_cast<uint32_t>(crc32_z(0, bytes, identity.size()));
  return static_cast<uint16_t>(hash ^ (hash >> 16));
}

GuestId GuestId::Claim(uint16_t preferred, std::string_view pool) {
  UniqueFd name(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint16_t id = preferred;
  do {
    if (TakeName(name, absl::StrCat(pool, ".", id))) return {id, std::move(name)};
    if (errno != EADDRINUSE) break;
    ++id;
  } while (id != preferred);
  return {preferred, UniqueFd()};
}

}  // namespace lguest
