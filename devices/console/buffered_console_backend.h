// A ConsoleBackend that combines small writes.

#ifndef DEVICES_CONSOLE_BUFFERED_CONSOLE_BACKEND_H_
#define DEVICES_CONSOLE_BUFFERED_CONSOLE_BACKEND_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/console/console_backend.h"
#include "launcher/base/thread.h"
#include "launcher/base/wake_pipe.h"

namespace lguest {

// Buffers output for another backend. A guest's console sends 16 bytes at a time, and one system
// call for each DMA would dominate its cost. A background thread writes buffered bytes after
// kMaxDelay, or the user of the object calls WriteOut(). The destructor drops what Flush() has not
// written.
//
// On a machine with one processor the thread may get its turn only when the time slice of a guest
// that computes is over, 10 ms later. There Write() itself writes what ends in a line feed
// (Writer::kThreadAndLines).
//
// The next Write() or Flush() returns an error of the background thread or of WriteOut().
class BufferedConsoleBackend final : public ConsoleBackend {
 public:
  // Write() flushes once this many bytes are buffered, and takes no more bytes while that many
  // remain.
  static constexpr size_t kFlushThreshold = 4096;

  // The longest time that a byte stays in the buffer. Too short for a user to notice.
  static constexpr std::chrono::milliseconds kMaxDelay{1};

  enum class Writer : uint8_t { kThread, kThreadAndLines, kCaller };

  // ResourceExhausted if there is no pipe or thread to be had.
  static absl::StatusOr<std::unique_ptr<BufferedConsoleBackend>> Create(
      std::unique_ptr<ConsoleBackend> backend, Writer writer = Writer::kThread);
  ~BufferedConsoleBackend() override;

  int input_fd() const override { return backend_->input_fd(); }
  absl::StatusOr<size_t> Read(std::span<std::byte> to) override { return backend_->Read(to); }
  absl::StatusOr<size_t> Write(std::span<const iovec> from) override;
  absl::StatusOr<bool> Flush() override;
  absl::Status WaitForRoom(int other_fd) override { return backend_->WaitForRoom(other_fd); }

  // Writes buffered bytes, as many as the inner backend takes without blocking.
  void WriteOut();

 private:
  BufferedConsoleBackend(std::unique_ptr<ConsoleBackend> backend, Writer writer, WakePipe stop)
      : backend_(std::move(backend)), writer_(writer), stop_(std::move(stop)) {}

  // Writes the first `len` buffered bytes to `backend_`, or as many as it takes. After an error all
  // are dropped. With `mutex_` held.
  void WriteBuffered(size_t len);

  // Writes what has reached the threshold. Only whole pages: a pipe keeps each write in pages of
  // its own. With `mutex_` held.
  void WriteFullPages() { WriteBuffered(pending_.size() / kFlushThreshold * kFlushThreshold); }

  absl::Status TakeError();  // with `mutex_` held

  void RunWriter();

  const std::unique_ptr<ConsoleBackend> backend_;
  const Writer writer_;
  const WakePipe stop_;  // readable once the thread is to stop

  std::mutex mutex_;
  std::vector<std::byte> pending_;
  absl::Status error_;  // the first that is not returned yet
  bool stopping_ = false;
  std::condition_variable changed_;  // `pending_` is not empty, or `stopping_` is set

  Thread thread_;  // last member: the thread uses the members above
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_BUFFERED_CONSOLE_BACKEND_H_
