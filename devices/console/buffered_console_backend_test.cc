#include "devices/console/buffered_console_backend.h"

#include <sys/uio.h>

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

namespace lguest {
namespace {

using ::testing::ElementsAre;

// Records writes. Block() makes writers wait until Unblock().
class Screen {
 public:
  absl::Status Show(std::string text) {
    std::unique_lock lock(mutex_);
    writes_.push_back(std::move(text));
    changed_.notify_all();
    changed_.wait(lock, [this] { return !is_blocked_; });
    return result_;
  }

  void Block() {
    const std::lock_guard lock(mutex_);
    is_blocked_ = true;
  }
  void Unblock() {
    const std::lock_guard lock(mutex_);
    is_blocked_ = false;
    changed_.notify_all();
  }
  void Fail(absl::Status result) {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
  }

  void WaitForWrites(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return writes_.size() >= count; });
  }
  std::vector<std::string> writes() {
    const std::lock_guard lock(mutex_);
    return writes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> writes_;
  absl::Status result_;
  bool is_blocked_ = false;
};

class ScreenBackend final : public ConsoleBackend {
 public:
  explicit ScreenBackend(Screen& screen) : screen_(screen) {}
  int input_fd() const override { return 17; }
  absl::StatusOr<size_t> Read(std::span<std::byte> to) override { return to.size(); }
  absl::Status Write(std::span<const iovec> from) override {
    std::string text;
    for (const iovec& piece : from) {
      text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    return screen_.Show(std::move(text));
  }

 private:
  Screen& screen_;
};

class BufferedConsoleBackendTest : public ::testing::Test {
 protected:
  absl::Status Write(std::string text) {
    const iovec piece = {.iov_base = text.data(), .iov_len = text.size()};
    return console_->Write(std::span(&piece, 1));
  }

  Screen screen_;
  std::unique_ptr<ConsoleBackend> console_ =
      std::make_unique<BufferedConsoleBackend>(std::make_unique<ScreenBackend>(screen_));
};

TEST_F(BufferedConsoleBackendTest, SmallWriteIsFlushedAfterTheDelay) {
  ASSERT_TRUE(Write("# ").ok());
  screen_.WaitForWrites(1);
  EXPECT_THAT(screen_.writes(), ElementsAre("# "));
}

TEST_F(BufferedConsoleBackendTest, WritesDuringAWriteAreCombined) {
  screen_.Block();
  ASSERT_TRUE(Write("0").ok());
  screen_.WaitForWrites(1);
  for (const char* text : {"1", "2", "3"}) ASSERT_TRUE(Write(text).ok());
  screen_.Unblock();
  console_.reset();
  EXPECT_THAT(screen_.writes(), ElementsAre("0", "123"));
}

TEST_F(BufferedConsoleBackendTest, FullBufferIsFlushedSynchronously) {
  const std::string page(BufferedConsoleBackend::kFlushThreshold, 'x');
  ASSERT_TRUE(Write(page).ok());
  EXPECT_THAT(screen_.writes(), ElementsAre(page));
}

TEST_F(BufferedConsoleBackendTest, DestructorFlushes) {
  ASSERT_TRUE(Write("Power down.").ok());
  console_.reset();
  EXPECT_THAT(screen_.writes(), ElementsAre("Power down."));
}

TEST_F(BufferedConsoleBackendTest, OrderIsKept) {
  std::string all;
  for (int i = 0; i < 5000; ++i) {
    const std::string line = std::to_string(i) + "\n";
    all += line;
    ASSERT_TRUE(Write(line).ok());
  }
  console_.reset();
  EXPECT_EQ(absl::StrJoin(screen_.writes(), ""), all);
}

TEST_F(BufferedConsoleBackendTest, NextWriteReturnsTheError) {
  screen_.Fail(absl::ResourceExhaustedError("the disk is full"));
  ASSERT_TRUE(Write("lost").ok());
  screen_.WaitForWrites(1);
  absl::Status error;
  while (error.ok()) error = Write("");
  EXPECT_EQ(error.message(), "the disk is full");
}

TEST_F(BufferedConsoleBackendTest, WriteThatReturnsAnOldErrorIsWritten) {
  screen_.Fail(absl::ResourceExhaustedError("the disk is full"));
  ASSERT_TRUE(Write("lost").ok());
  screen_.WaitForWrites(1);
  screen_.Fail(absl::OkStatus());
  std::string written = "lost";
  do {
    written += "x";
  } while (Write("x").ok());
  console_.reset();
  EXPECT_EQ(absl::StrJoin(screen_.writes(), ""), written);
}

TEST_F(BufferedConsoleBackendTest, FlushWritesAndReturnsTheError) {
  ASSERT_TRUE(Write("one").ok());
  EXPECT_TRUE(console_->Flush().ok());
  EXPECT_THAT(screen_.writes(), ElementsAre("one"));
  screen_.Fail(absl::ResourceExhaustedError("the disk is full"));
  ASSERT_TRUE(Write("two").ok());
  EXPECT_EQ(console_->Flush().message(), "the disk is full");
}

TEST_F(BufferedConsoleBackendTest, FlushReturnsTheErrorOfAWriteThatEndsMeanwhile) {
  // Repeated, because the flush must start while the background thread ends its write.
  for (int i = 0; i < 200; ++i) {
    Screen screen;
    BufferedConsoleBackend console(std::make_unique<ScreenBackend>(screen));
    screen.Fail(absl::ResourceExhaustedError("the disk is full"));
    screen.Block();
    char text = 'x';
    const iovec piece = {.iov_base = &text, .iov_len = 1};
    ASSERT_TRUE(console.Write(std::span(&piece, 1)).ok());
    screen.WaitForWrites(1);
    screen.Unblock();
    ASSERT_EQ(console.Flush().message(), "the disk is full");
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
