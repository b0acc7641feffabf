#include "devices/console/buffered_console_backend.h"

#include <poll.h>
#include <sys/uio.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "devices/console/console_backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/base/wake_pipe.h"

namespace lguest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Records writes. It has no room between Block() and Unblock().
class Screen {
 public:
  absl::StatusOr<size_t> Show(const std::string& text) {
    const std::lock_guard lock(mutex_);
    ++attempts_;
    changed_.notify_all();
    if (is_blocked_) return 0;
    writes_.push_back(text);
    if (!result_.ok()) return result_;
    return text.size();
  }

  void Block() {
    const std::lock_guard lock(mutex_);
    is_blocked_ = true;
    room_.Clear();
  }
  void Unblock() {
    const std::lock_guard lock(mutex_);
    is_blocked_ = false;
    room_.Wake();
  }
  void Fail(absl::Status result) {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
  }

  // Waits until there is room, or until `other_fd` is readable.
  void Wait(int other_fd) {
    std::array<pollfd, 2> wait = {{{.fd = room_.fd(), .events = POLLIN, .revents = 0},
                                   {.fd = other_fd, .events = POLLIN, .revents = 0}}};
    poll(wait.data(), wait.size(), -1);
  }

  void WaitForAttempts(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return attempts_ >= count; });
  }
  std::vector<std::string> writes() {
    const std::lock_guard lock(mutex_);
    return writes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> writes_;
  size_t attempts_ = 0;
  absl::Status result_;
  bool is_blocked_ = false;
  WakePipe room_ = WakePipe::Create().value();
};

class ScreenBackend final : public ConsoleBackend {
 public:
  explicit ScreenBackend(Screen& screen) : screen_(screen) {}
  int input_fd() const override { return 17; }
  absl::StatusOr<size_t> Read(std::span<std::byte> to) override { return to.size(); }
  absl::StatusOr<size_t> Write(std::span<const iovec> from) override {
    std::string text;
    for (const iovec& piece : from) {
      text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    return screen_.Show(text);
  }
  absl::Status WaitForRoom(int other_fd) override {
    screen_.Wait(other_fd);
    return absl::OkStatus();
  }

 private:
  Screen& screen_;
};

class BufferedConsoleBackendTest : public ::testing::Test {
 protected:
  absl::StatusOr<size_t> Write(std::string text) {
    const iovec piece = {.iov_base = text.data(), .iov_len = text.size()};
    return console_->Write(std::span(&piece, 1));
  }

  // Writes what is buffered, however long that takes.
  absl::Status FlushAll() {
    absl::StatusOr<bool> flushed = console_->Flush();
    while (flushed.ok() && !*flushed) flushed = console_->Flush();
    return flushed.status();
  }

  Screen screen_;
  std::unique_ptr<ConsoleBackend> console_ =
      BufferedConsoleBackend::Create(std::make_unique<ScreenBackend>(screen_)).value();
};

TEST_F(BufferedConsoleBackendTest, SmallWriteIsFlushedAfterTheDelay) {
  ASSERT_TRUE(Write("# ").ok());
  screen_.WaitForAttempts(1);
  EXPECT_THAT(screen_.writes(), ElementsAre("# "));
}

TEST_F(BufferedConsoleBackendTest, LinesAreWrittenAtOnceIfAsked_F34) {
  console_ = BufferedConsoleBackend::Create(std::make_unique<ScreenBackend>(screen_),
                                            BufferedConsoleBackend::Writer::kThreadAndLines)
                 .value();
  screen_.Block();
  ASSERT_TRUE(Write("a part ").ok());
  screen_.WaitForAttempts(1);  // by the thread, which waits for room now
  EXPECT_THAT(screen_.writes(), IsEmpty());
  screen_.Unblock();
  ASSERT_TRUE(Write("of a line\n").ok());
  EXPECT_THAT(absl::StrJoin(screen_.writes(), ""), "a part of a line\n");
}

TEST_F(BufferedConsoleBackendTest, WritesWithoutRoomAreCombined) {
  screen_.Block();
  ASSERT_TRUE(Write("0").ok());
  screen_.WaitForAttempts(1);
  for (const char* text : {"1", "2", "3"}) ASSERT_TRUE(Write(text).ok());
  EXPECT_FALSE(console_->Flush().value());
  screen_.Unblock();
  ASSERT_TRUE(FlushAll().ok());
  EXPECT_THAT(screen_.writes(), ElementsAre("0123"));
}

TEST_F(BufferedConsoleBackendTest, ThreadWritesOnceThereIsRoom) {
  screen_.Block();
  ASSERT_TRUE(Write("late").ok());
  screen_.WaitForAttempts(1);
  screen_.Unblock();
  screen_.WaitForAttempts(2);
  EXPECT_THAT(screen_.writes(), ElementsAre("late"));
}

TEST_F(BufferedConsoleBackendTest, FullBufferTakesNothing_F14) {
  screen_.Block();
  const std::string page(BufferedConsoleBackend::kFlushThreshold, 'x');
  EXPECT_EQ(Write(page).value(), page.size());
  EXPECT_EQ(Write("y").value(), 0u);
  screen_.Unblock();
  EXPECT_EQ(Write("y").value(), 1u);
  ASSERT_TRUE(FlushAll().ok());
  EXPECT_THAT(screen_.writes(), ElementsAre(page, "y"));
}

TEST_F(BufferedConsoleBackendTest, DestructorDoesNotWaitForRoom_F5) {
  screen_.Block();
  ASSERT_TRUE(Write("lost").ok());
  screen_.WaitForAttempts(1);
  console_.reset();
  EXPECT_THAT(screen_.writes(), ElementsAre());
}

TEST_F(BufferedConsoleBackendTest, FullBufferIsFlushedSynchronously) {
  const std::string page(BufferedConsoleBackend::kFlushThreshold, 'x');
  ASSERT_TRUE(Write(page).ok());
  EXPECT_THAT(screen_.writes(), ElementsAre(page));
}

TEST_F(BufferedConsoleBackendTest, OrderIsKept) {
  std::string all;
  for (int i = 0; i < 5000; ++i) {
    const std::string line = std::to_string(i) + "\n";
    all += line;
    ASSERT_TRUE(Write(line).ok());
  }
  ASSERT_TRUE(FlushAll().ok());
  EXPECT_EQ(absl::StrJoin(screen_.writes(), ""), all);
}

TEST_F(BufferedConsoleBackendTest, NextWriteReturnsTheError) {
  screen_.Fail(absl::ResourceExhaustedError("the disk is full"));
  ASSERT_TRUE(Write("lost").ok());
  screen_.WaitForAttempts(1);
  absl::Status error;
  while (error.ok()) error = Write("").status();
  EXPECT_EQ(error.message(), "the disk is full");
}

TEST_F(BufferedConsoleBackendTest, WriteThatReturnsAnOldErrorIsWritten) {
  screen_.Fail(absl::ResourceExhaustedError("the disk is full"));
  ASSERT_TRUE(Write("lost").ok());
  screen_.WaitForAttempts(1);
  screen_.Fail(absl::OkStatus());
  std::string written = "lost";
  do {
    written += "x";
  } while (Write("x").ok());
  ASSERT_TRUE(FlushAll().ok());
  EXPECT_EQ(absl::StrJoin(screen_.writes(), ""), written);
}

TEST_F(BufferedConsoleBackendTest, FlushWritesAndReturnsTheError) {
  ASSERT_TRUE(Write("one").ok());
  EXPECT_TRUE(console_->Flush().value());
  EXPECT_THAT(screen_.writes(), ElementsAre("one"));
  screen_.Fail(absl::ResourceExhaustedError("the disk is full"));
  ASSERT_TRUE(Write("two").ok());
  EXPECT_EQ(console_->Flush().status().message(), "the disk is full");
}

TEST_F(BufferedConsoleBackendTest, FlushReturnsTheErrorOfAWriteThatEndsMeanwhile) {
  screen_.Fail(absl::ResourceExhaustedError("the disk is full"));
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Write("x").ok());
    if (i % 2 == 0) screen_.WaitForAttempts(static_cast<size_t>(i) + 1);
    ASSERT_EQ(console_->Flush().status().message(), "the disk is full");
  }
}

TEST_F(BufferedConsoleBackendTest, SynchronousFlushReturnsItsError) {
  screen_.Fail(absl::ResourceExhaustedError("the disk is full"));
  EXPECT_FALSE(Write(std::string(BufferedConsoleBackend::kFlushThreshold, 'x')).ok());
}

TEST_F(BufferedConsoleBackendTest, InputIsForwarded) {
  std::vector<std::byte> buffer(3);
  EXPECT_EQ(console_->input_fd(), 17);
  EXPECT_EQ(console_->Read(buffer).value(), 3u);
}

}  // namespace
}  // namespace lguest
