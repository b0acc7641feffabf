// The connection with gdb.

#ifndef LAUNCHER_GDB_CONNECTION_H_
#define LAUNCHER_GDB_CONNECTION_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "launcher/base/unique_fd.h"

namespace lguest::gdb {

// Where gdb connects: "PORT" on the loopback interface, "unix:PATH", or "stdio".
class Connection {
 public:
  // Checks the text only. InvalidArgument otherwise.
  static absl::Status Check(std::string_view where);

  // Opens it. With "stdio", standard input and output.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& where);

  // A client that is connected already, by a socket.
  static std::unique_ptr<Connection> Adopt(int socket);

  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Waits for a client. Others are refused from then on. Cancelled: `end_fd` is readable before.
  absl::Status Accept(int end_fd);

  // For poll(); -1 before a client has come, or after it has gone.
  int input_fd() const { return input_.get(); }

  // Reads what there is, or waits for the first byte. Empty: the client has gone.
  std::string Read();
  // Writes all. An error shows in the next Read().
  void Write(std::string_view bytes);
  void Close();

 private:
  Connection() = default;

  UniqueFd socket_;
  std::string path_;  // of a Unix socket, to be removed
  UniqueFd input_;
  UniqueFd output_;
};

}  // namespace lguest::gdb

#endif  // LAUNCHER_GDB_CONNECTION_H_
