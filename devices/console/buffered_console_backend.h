// Console output in fewer, larger pieces.

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

// Gathers what is written to another backend: a guest's console sends 16 bytes at a time, and a
// system call for each is most of what they cost. Nothing is held for longer than kMaxDelay, and
// the destructor writes the rest.
//
// An error of a write that a thread of its own made is what the next Write() or Flush() returns.
class BufferedConsoleBackend final : public ConsoleBackend {
 public:
  // So many bytes are written at once, by the caller, who waits as long as that takes.
  static constexpr size_t kFlushThreshold = 4096;

  // Too short for a user to notice.
  static constexpr std::chrono::milliseconds kMaxDelay{1};

  explicit BufferedConsoleBackend(std::unique_ptr<ConsoleBackend> backend);
  ~BufferedConsoleBackend() override;

  int input_fd() const override { return backend_->input_fd(); }
  absl::StatusOr<size_t> Read(std::span<std::byte> to) override { return backend_->Read(to); }
  absl::Status Write(std::span<const iovec> from) override;
  absl::Status Flush() override;

 private:
  // Writes what is held.
  absl::Status WriteBuffered();

  void RunWriter();

  const std::unique_ptr<ConsoleBackend> backend_;

  std::mutex write_mutex_;  // held by whoever writes; taken before mutex_
  std::vector<std::byte> write_buffer_;

  std::mutex mutex_;
  std::vector<std::byte> pending_;
  absl::Status error_;  // of the thread, and not yet told
  bool stopping_ = false;
  std::condition_variable changed_;  // something is held, or it is time to stop

  std::thread thread_;  // the last: it uses all of the above
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_BUFFERED_CONSOLE_BACKEND_H_
