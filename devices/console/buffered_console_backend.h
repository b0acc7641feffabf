// A ConsoleBackend that combines small writes.

#ifndef DEVICES_CONSOLE_BUFFERED_CONSOLE_BACKEND_H_
#define DEVICES_CONSOLE_BUFFERED_CONSOLE_BACKEND_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/console/console_backend.h"

namespace lguest {

// Buffers output for another backend. A guest's console sends 16 bytes at a time, and one system
// call for each DMA would dominate its cost. A background thread writes buffered bytes after
// kMaxDelay; the destructor writes the rest.
//
// The next Write() or Flush() returns an error of the background thread.
class BufferedConsoleBackend final : public ConsoleBackend {
 public:
  // Flush threshold. Write() flushes synchronously once this many bytes are buffered.
  static constexpr size_t kFlushThreshold = 4096;

  // The longest time that a byte stays in the buffer. Too short for a user to notice.
  static constexpr std::chrono::milliseconds kMaxDelay{1};

  explicit BufferedConsoleBackend(std::unique_ptr<ConsoleBackend> backend);
  ~BufferedConsoleBackend() override;

  int input_fd() const override { return backend_->input_fd(); }
  absl::StatusOr<size_t> Read(std::span<std::byte> to) override { return backend_->Read(to); }
  absl::Status Write(std::span<const iovec> from) override;
  absl::Status Flush() override;

 private:
  // Writes the buffered bytes to `backend_`, and keeps the first error in `error_`.
  void WriteBuffered();

  void RunWriter();

  const std::unique_ptr<ConsoleBackend> backend_;

  std::mutex write_mutex_;  // held during a write to `backend_`; acquired before mutex_
  std::vector<std::byte> write_buffer_;

  std::mutex mutex_;
  std::vector<std::byte> pending_;
  absl::Status error_;  // the first that is not returned yet
  bool stopping_ = false;
  std::condition_variable changed_;  // `pending_` is not empty, or `stopping_` is set

  std::thread thread_;  // last member: the thread uses the members above
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_BUFFERED_CONSOLE_BACKEND_H_
