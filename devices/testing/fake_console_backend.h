// A ConsoleBackend whose user is a test.

#ifndef DEVICES_TESTING_FAKE_CONSOLE_BACKEND_H_
#define DEVICES_TESTING_FAKE_CONSOLE_BACKEND_H_

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/console/console_backend.h"

namespace lguest {

// The state of the fake user. Owned by the test.
struct FakeUser {
  std::deque<std::string> input;    // each element is one read
  bool end_of_input = false;        // after `input`, Read() returns 0
  absl::Status input_error;         // after `input`, Read() returns this error
  absl::Status output_error;        // Write() returns this error
  size_t room = SIZE_MAX;           // bytes that Write() takes before WaitForRoom() is called
  size_t room_per_wait = SIZE_MAX;  // bytes that it takes after that
  bool asked_to_end = false;        // WaitForRoom() returns Cancelled
  int waits = 0;                    // calls of WaitForRoom()
  int waited_for = -1;              // its last argument
  int unfinished_flushes = 0;       // so often Flush() returns false
  std::string output;
  int reads = 0;  // calls of Read()
};

class FakeConsoleBackend final : public ConsoleBackend {
 public:
  explicit FakeConsoleBackend(FakeUser& user) : user_(user) {}

  int input_fd() const override { return 0; }

  absl::StatusOr<size_t> Read(std::span<std::byte> to) override {
    ++user_.reads;
    if (user_.input.empty()) {
      if (!user_.input_error.ok()) return user_.input_error;
      if (user_.end_of_input) return size_t{0};
      return absl::UnavailableError("nothing typed");
    }
    std::string& typed = user_.input.front();
    const size_t len = std::min(to.size(), typed.size());
    std::memcpy(to.data(), typed.data(), len);
    typed.erase(0, len);
    if (typed.empty()) user_.input.pop_front();
    return len;
  }

  absl::StatusOr<size_t> Write(std::span<const iovec> from) override {
    if (!user_.output_error.ok()) return user_.output_error;
    size_t taken = 0;
    for (const iovec& piece : from) {
      const size_t part = std::min(piece.iov_len, user_.room);
      user_.output.append(static_cast<const char*>(piece.iov_base), part);
      user_.room -= part;
      taken += part;
    }
    return taken;
  }

  absl::StatusOr<bool> Flush() override {
    if (user_.unfinished_flushes == 0) return true;
    --user_.unfinished_flushes;
    return false;
  }

  absl::Status WaitForRoom(int other_fd) override {
    ++user_.waits;
    user_.waited_for = other_fd;
    if (user_.asked_to_end) return absl::CancelledError("asked to end");
    user_.room = user_.room_per_wait;
    return absl::OkStatus();
  }

 private:
  FakeUser& user_;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_FAKE_CONSOLE_BACKEND_H_
