#include "devices/console/buffered_console_backend.h"

#include <sys/uio.h>

#include <span>
#include <utility>

#include "launcher/base/status_macros.h"

namespace lguest {

absl::StatusOr<std::unique_ptr<BufferedConsoleBackend>> BufferedConsoleBackend::Create(
    std::unique_ptr<ConsoleBackend> backend, Writer writer) {
  ASSIGN_OR_RETURN(WakePipe stop, WakePipe::Create());
  // Not make_unique: the constructor is private.
  std::unique_ptr<BufferedConsoleBackend> buffered(
      new BufferedConsoleBackend(std::move(backend), writer, std::move(stop)));
  if (writer == Writer::kCaller) return buffered;
  BufferedConsoleBackend* const running = buffered.get();
  ASSIGN_OR_RETURN(running->thread_, Thread::Start([running] { running->RunWriter(); }));
  return buffered;
}

BufferedConsoleBackend::~BufferedConsoleBackend() {
  if (!thread_.is_running()) return;  // none, or it could not be started
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.Wake();
  changed_.notify_one();
  thread_.Join();
}

absl::StatusOr<size_t> BufferedConsoleBackend::Write(std::span<const iovec> from) {
  const std::lock_guard lock(mutex_);
  WriteFullPages();
  if (pending_.size() >= kFlushThreshold) return 0;
  const bool was_empty = pending_.empty();
  size_t taken = 0;
  for (const iovec& piece : from) {
    const std::byte* const bytes = static_cast<const std::byte*>(piece.iov_base);
    pending_.insert(pending_.end(), bytes, bytes + piece.iov_len);
    taken += piece.iov_len;
  }
  WriteFullPages();
  if (writer_ == Writer::kThreadAndLines && !pending_.empty() &&
      pending_.back() == std::byte{'\n'}) {
    WriteBuffered(pending_.size());
  }
  if (was_empty && !pending_.empty()) changed_.notify_one();
  RETURN_IF_ERROR(TakeError());
  return taken;
}

absl::StatusOr<bool> BufferedConsoleBackend::Flush() {
  const std::lock_guard lock(mutex_);
  WriteBuffered(pending_.size());
  RETURN_IF_ERROR(TakeError());
  return pending_.empty();
}

void BufferedConsoleBackend::WriteOut() {
  const std::lock_guard lock(mutex_);
  WriteBuffered(pending_.size());
}

void BufferedConsoleBackend::WriteBuffered(size_t len) {
  if (len == 0) return;
  const iovec first = {.iov_base = pending_.data(), .iov_len = len};
  const absl::StatusOr<size_t> written = backend_->Write(std::span(&first, 1));
  const size_t done = written.ok() ? *written : pending_.size();
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(done));
  error_.Update(written.status());
}

absl::Status BufferedConsoleBackend::TakeError() { return std::exchange(error_, absl::OkStatus()); }

void BufferedConsoleBackend::RunWriter() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
    changed_.wait_for(lock, kMaxDelay, [this] { return stopping_; });
    WriteBuffered(pending_.size());
    if (pending_.empty() || stopping_) continue;
    lock.unlock();
    const bool is_ending = !backend_->WaitForRoom(stop_.fd()).ok();
    lock.lock();
    // When the launcher ends, Flush() decides how long to wait for the rest.
    if (is_ending) changed_.wait(lock, [this] { return stopping_; });
  }
}

}  // namespace lguest
