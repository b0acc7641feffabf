#include "launcher/gdb/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/vector_io.h"

namespace lguest::gdb {
namespace {

constexpr std::string_view kStdio = "stdio";
constexpr std::string_view kUnix = "unix:";

std::optional<uint16_t> PortOf(std::string_view where) {
  uint32_t port = 0;
  if (!absl::SimpleAtoi(where, &port) || port == 0 || port > 0xffff) return std::nullopt;
  return static_cast<uint16_t>(port);
}

}  // namespace

absl::Status Connection::Check(std::string_view where) {
  std::string_view path = where;
  if (absl::ConsumePrefix(&path, kUnix)) {
    if (!path.empty() && path.size() < sizeof(sockaddr_un::sun_path)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrFormat("the path of a socket has 1 to %u bytes",
                                                      sizeof(sockaddr_un::sun_path) - 1));
  }
  if (where == kStdio || PortOf(where).has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError("a port from 1 to 65535, unix:PATH or stdio is needed");
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& where) {
  // Not make_unique: the constructor is private.
  std::unique_ptr<Connection> connection(new Connection);
  if (where == kStdio) {
    connection->input_ = UniqueFd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    connection->output_ = UniqueFd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    // The guest's console must not mix with the protocol.
    const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!connection->input_.valid() || !connection->output_.valid() ||
        dup2(null.get(), STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
      return ErrnoStatus("--gdb=stdio");
    }
    return connection;
  }
  std::string_view path = where;
  const bool is_unix = absl::ConsumePrefix(&path, kUnix);
  connection->socket_ =
      UniqueFd(socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connection->socket_.valid()) return ErrnoStatus("--gdb=", where);
  int bound = -1;
  if (is_unix) {
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    std::memcpy(address.sun_path, path.data(), path.size());
    bound = bind(connection->socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                 sizeof(address));
    if (bound == 0) connection->path_ = path;
  } else {
    const int on = 1;
    setsockopt(connection->socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(PortOf(where).value_or(0));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bound = bind(connection->socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                 sizeof(address));
  }
  if (bound != 0 || listen(connection->socket_.get(), 1) != 0) return ErrnoStatus("--gdb=", where);
  return connection;
}

std::unique_ptr<Connection> Connection::Adopt(int socket) {
  // Not make_unique: the constructor is private.
  std::unique_ptr<Connection> connection(new Connection);
  connection->input_ = UniqueFd(socket);
  connection->output_ = UniqueFd(fcntl(socket, F_DUPFD_CLOEXEC, 3));
  return connection;
}

Connection::~Connection() {
  if (!path_.empty()) unlink(path_.c_str());
}

absl::Status Connection::Accept(int end_fd) {
  if (!socket_.valid()) return absl::OkStatus();
  std::array<pollfd, 2> fds = {{{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                {.fd = end_fd, .events = POLLIN, .revents = 0}}};
  while (fds[0].revents == 0) {
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) {
      return ErrnoStatus("waiting for gdb");
    }
    if (fds[1].revents != 0) return absl::CancelledError("the launcher is asked to end");
  }
  input_ = UniqueFd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!input_.valid()) return ErrnoStatus("accepting gdb");
  const int on = 1;
  setsockopt(input_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  output_ = UniqueFd(fcntl(input_.get(), F_DUPFD_CLOEXEC, 3));
  socket_ = UniqueFd();
  if (!path_.empty()) unlink(std::exchange(path_, "").c_str());
  return output_.valid() ? absl::OkStatus() : ErrnoStatus("accepting gdb");
}

std::string Connection::Read() {
  std::array<char, 4096> bytes;
  ssize_t len = 0;
  do {
    len = ReadBytes(input_.get(), bytes.data(), bytes.size());
  } while (len < 0 && errno == EINTR);
  return len <= 0 ? "" : std::string(bytes.data(), static_cast<size_t>(len));
}

void Connection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t len = WriteBytes(output_.get(), bytes.data(), bytes.size());
    if (len < 0 && errno == EINTR) continue;
    if (len <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(len));
  }
}

void Connection::Close() {
  input_ = UniqueFd();
  output_ = UniqueFd();
}

}  // namespace lguest::gdb
