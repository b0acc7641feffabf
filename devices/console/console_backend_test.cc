#include "devices/console/console_backend.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <thread>

#include "devices/bus/io_vector.h"
#include "gtest/gtest.h"
#include "launcher/base/unique_fd.h"

namespace lguest {
namespace {

class FdConsoleBackendTest : public testing::Test {
 protected:
  FdConsoleBackendTest() {
    EXPECT_EQ(pipe2(input_, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(output_, O_CLOEXEC), 0);
  }
  ~FdConsoleBackendTest() override {
    for (const int fd : {input_[0], input_[1], output_[0], output_[1]}) {
      if (fd != -1) close(fd);
    }
  }
  static void Close(int& fd) {
    close(fd);
    fd = -1;
  }

  int input_[2];
  int output_[2];
};

TEST_F(FdConsoleBackendTest, ReadDoesNotBlock) {
  FdConsoleBackend backend(input_[0], output_[1]);
  std::array<std::byte, 16> to;
  EXPECT_TRUE(absl::IsUnavailable(backend.Read(to).status()));
  EXPECT_EQ(fcntl(input_[0], F_GETFL) & O_NONBLOCK, 0);
  ASSERT_EQ(write(input_[1], "ab", 2), 2);
  EXPECT_EQ(backend.Read(to).value(), 2u);
  Close(input_[1]);
  EXPECT_EQ(backend.Read(to).value(), 0u);
}

TEST_F(FdConsoleBackendTest, EmptyNonBlockingInputIsNotTheEnd_B45) {
  ASSERT_EQ(fcntl(input_[0], F_SETFL, O_NONBLOCK), 0);
  FdConsoleBackend backend(input_[0], output_[1]);
  std::array<std::byte, 16> to;
  EXPECT_TRUE(absl::IsUnavailable(backend.Read(to).status()));
}

TEST_F(FdConsoleBackendTest, BadInputIsAnError) {
  FdConsoleBackend backend(output_[1], output_[1]);
  ASSERT_EQ(close(output_[0]), 0);
  output_[0] = -1;
  std::array<std::byte, 16> to;
  const absl::Status status = backend.Read(to).status();
  EXPECT_FALSE(status.ok());
}

TEST_F(FdConsoleBackendTest, DirectoryAsInputIsAnError) {
  const UniqueFd directory(open("/", O_RDONLY | O_CLOEXEC));
  FdConsoleBackend backend(directory.get(), output_[1]);
  std::array<std::byte, 16> to;
  EXPECT_TRUE(absl::IsDataLoss(backend.Read(to).status()));
}

TEST_F(FdConsoleBackendTest, WriteToATerminalWithoutRoomDoesNotBlock) {
  const UniqueFd user(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(grantpt(user.get()), 0);
  ASSERT_EQ(unlockpt(user.get()), 0);
  const UniqueFd terminal(open(ptsname(user.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  FdConsoleBackend backend(input_[0], terminal.get());
  std::string text(4096, '\n');
  const iovec piece = {.iov_base = text.data(), .iov_len = text.size()};
  size_t written = text.size();
  for (int i = 0; i < 1000 && written == text.size(); ++i) {
    written = backend.Write(std::span(&piece, 1)).value();
  }
  EXPECT_LT(written, text.size());
  EXPECT_EQ(fcntl(terminal.get(), F_GETFL) & O_NONBLOCK, 0);
}

// A pipe holds 64 KiB, so larger writes are partial.
TEST_F(FdConsoleBackendTest, WriteNeverBlocks_F14) {
  for (const int flags : {0, O_NONBLOCK}) {
    ASSERT_EQ(fcntl(output_[1], F_SETFL, flags), 0);
    std::string text(200001, 'a');
    const std::array<iovec, 1> pieces = {{{text.data(), text.size()}}};
    FdConsoleBackend backend(input_[0], output_[1]);
    EXPECT_EQ(backend.Write(pieces).value(), 65536u);
    EXPECT_EQ(backend.Write(pieces).value(), 0u);
    std::string drained(65536, '\0');
    ASSERT_EQ(read(output_[0], drained.data(), drained.size()), ssize_t{65536});
  }
}

TEST_F(FdConsoleBackendTest, WaitEndsWithRoomInputOrRequestToEnd) {
  FdConsoleBackend backend(input_[0], output_[1], /*end_fd=*/input_[0]);
  EXPECT_TRUE(backend.WaitForRoom(-1).ok()) << "there is room";
  ASSERT_EQ(fcntl(output_[1], F_SETFL, O_NONBLOCK), 0);
  const std::string page(4096, 'x');
  while (write(output_[1], page.data(), page.size()) > 0) {
  }
  ASSERT_EQ(write(input_[1], "x", 1), 1);
  EXPECT_TRUE(absl::IsCancelled(backend.WaitForRoom(-1)));
  FdConsoleBackend without_end(input_[0], output_[1]);
  EXPECT_TRUE(without_end.WaitForRoom(input_[0]).ok()) << "there is input";
}

TEST_F(FdConsoleBackendTest, PartialWritesAreFinished_B46) {
  std::string first(200001, 'a');
  std::string second(99999, 'b');
  std::string seen;
  std::thread reader([&] {
    std::array<char, 1000> part;
    while (seen.size() < first.size() + second.size()) {
      const ssize_t len = read(output_[0], part.data(), part.size());
      if (len <= 0) break;
      seen.append(part.data(), static_cast<size_t>(len));
    }
  });
  FdConsoleBackend backend(input_[0], output_[1]);
  const std::array<iovec, 2> pieces = {
      {{first.data(), first.size()}, {second.data(), second.size()}}};
  IoVector rest(pieces);
  while (!rest.empty()) {
    const auto written = backend.Write(std::span(rest.data(), static_cast<size_t>(rest.count())));
    ASSERT_TRUE(written.ok()) << written.status();
    rest.Consume(*written);
    ASSERT_TRUE(backend.WaitForRoom(-1).ok());
  }
  reader.join();
  EXPECT_EQ(seen, first + second);
}

TEST_F(FdConsoleBackendTest, ClosedOutputIsAnError_B46) {
  const auto previous = signal(SIGPIPE, SIG_IGN);
  Close(output_[0]);
  FdConsoleBackend backend(input_[0], output_[1]);
  std::string text = "x";
  const std::array<iovec, 1> pieces = {{{text.data(), text.size()}}};
  EXPECT_FALSE(backend.Write(pieces).ok());
  signal(SIGPIPE, previous);
}

}  // namespace
}  // namespace lguest
