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
  absl::Status error;
  bool was_empty = false;
  bool is_full = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = pending_.empty();
    for (const iovec& piece : from) {
      const std::byte* const bytes = static_cast<const std::byte*>(piece.iov_base);
      pending_.insert(pending_.end(), bytes, bytes + piece.iov_len);
    }
    is_full = pending_.size() >= kFlushThreshold;
    if (!is_full) error = std::exchange(error_, absl::OkStatus());
  }
  if (is_full) return Flush();
  if (was_empty) changed_.notify_one();
  return error;
}

absl::Status BufferedConsoleBackend::Flush() {
  WriteBuffered();
  const std::lock_guard lock(mutex_);
  return std::exchange(error_, absl::OkStatus());
}

void BufferedConsoleBackend::WriteBuffered() {
  // Held until `error_` is set: a Flush() that finds the buffer empty must see the error.
  const std::lock_guard writer(write_mutex_);
  {
    const std::lock_guard lock(mutex_);
    write_buffer_.swap(pending_);
  }
  if (write_buffer_.empty()) return;
  const iovec all = {.iov_base = write_buffer_.data(), .iov_len = write_buffer_.size()};
  const absl::Status written = backend_->Write(std::span(&all, 1));
  write_buffer_.clear();
  const std::lock_guard lock(mutex_);
  error_.Update(written);
}

void BufferedConsoleBackend::RunWriter() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
    changed_.wait_for(lock, kMaxDelay, [this] { return stopping_; });
    const bool is_last = stopping_;
    lock.unlock();
    WriteBuffered();
    lock.lock();
    if (is_last) return;
  }
}

}  // namespace lguest
