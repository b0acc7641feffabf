#include "devices/console/buffered_console_backend.h"

#include <sys/uio.h>

#include <span>
#include <utility>

namespace lguest {

BufferedConsoleBackend::BufferedConsoleBackend(std::unique_ptr<ConsoleBackend> backend)
    : backend_(std::move(backend)), thread_([this] { RunWriter(); }) {}

BufferedConsoleBackend::~BufferedConsoleBackend() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

absl::Status BufferedConsoleBackend::Write(std::span<const iovec> from) {
  absl::Status earlier;
  bool was_empty = false;
  bool is_full = false;
  {
    const std::lock_guard lock(mutex_);
    earlier = std::exchange(error_, absl::OkStatus());
    was_empty = pending_.empty();
    for (const iovec& piece : from) {
      const std::byte* const bytes = static_cast<const std::byte*>(piece.iov_base);
      pending_.insert(pending_.end(), bytes, bytes + piece.iov_len);
    }
    is_full = pending_.size() >= kFlushThreshold;
  }
  if (was_empty && !is_full) changed_.notify_one();
  absl::Status written = is_full ? WriteBuffered() : absl::OkStatus();
  return earlier.ok() ? written : earlier;
}

absl::Status BufferedConsoleBackend::Flush() {
  absl::Status written = WriteBuffered();
  const std::lock_guard lock(mutex_);
  absl::Status earlier = std::exchange(error_, absl::OkStatus());
  return earlier.ok() ? written : earlier;
}

absl::Status BufferedConsoleBackend::WriteBuffered() {
  const std::lock_guard writer(write_mutex_);
  {
    const std::lock_guard lock(mutex_);
    write_buffer_.swap(pending_);
  }
  if (write_buffer_.empty()) return absl::OkStatus();
  const iovec all = {.iov_base = write_buffer_.data(), .iov_len = write_buffer_.size()};
  absl::Status written = backend_->Write(std::span(&all, 1));
  write_buffer_.clear();
  return written;
}

void BufferedConsoleBackend::RunWriter() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
    changed_.wait_for(lock, kMaxDelay, [this] { return stopping_; });
    const bool is_last = stopping_;
    lock.unlock();
    absl::Status written = WriteBuffered();
    lock.lock();
    if (!written.ok()) error_ = std::move(written);
    if (is_last) return;
  }
}

}  // namespace lguest
