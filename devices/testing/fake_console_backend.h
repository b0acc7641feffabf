// A ConsoleBackend whose user is a test.

#ifndef DEVICES_TESTING_FAKE_CONSOLE_BACKEND_H_
#define DEVICES_TESTING_FAKE_CONSOLE_BACKEND_H_

#include <sys/uio.h>

#include <algorithm>
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
  std::deque<std::string> input;  // each element is one read
  bool end_of_input = false;      // after `input`, Read() returns 0
  absl::Status input_error;       // after `input`, Read() returns this error
  absl::Status output_error;      // Write() returns this error
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

  absl::Status Write(std::span<const iovec> from) override {
    if (!user_.output_error.ok()) return user_.output_error;
    for (const iovec& piece : from) {
      user_.output.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    return absl::OkStatus();
  }

 private:
  FakeUser& user_;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_FAKE_CONSOLE_BACKEND_H_
