#include "devices/console/console.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "devices/bus/dma_chain.h"
#include "devices/bus/io_vector.h"
#include "launcher/base/status_macros.h"

namespace lguest {

Console::Console(std::unique_ptr<ConsoleBackend> backend, LogSink log, MonotonicClock clock)
    : backend_(std::move(backend)),
      abort_key_(std::move(clock)),
      output_log_(log),
      input_log_(std::move(log)) {}

absl::Status Console::Attach(GuestMemory& memory, const DevicePlace& /*place*/) {
  memory_ = &memory;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<uint32_t>> Console::Send(DmaKey /*key*/, const DmaChain& chain,
                                                      DmaPort& /*port*/) {
  RETURN_IF_ERROR(Output(chain.sections()));
  // The guest's buffer is free again, even if the output is lost.
  return chain.size();
}

absl::Status Console::Output(std::span<const iovec> bytes) {
  IoVector rest(bytes);
  while (!rest.empty()) {
    const absl::StatusOr<size_t> written =
        backend_->Write(std::span(rest.data(), static_cast<size_t>(rest.count())));
    if (!written.ok()) {
      LogLostOutput(written.status());
      break;
    }
    rest.Consume(*written);
    if (!rest.empty()) RETURN_IF_ERROR(WaitForRoom());
  }
  return absl::OkStatus();
}

absl::StatusOr<Device::Input> Console::Receive(DmaPort& port) {
  const absl::Status read = ReadInput();
  if (absl::IsFailedPrecondition(read)) return Input::kNotNow;
  RETURN_IF_ERROR(read);
  if (pending_.empty()) return input_ended_ ? Input::kClosed : Input::kNone;
  const absl::StatusOr<bool> drained = DeliverInput(port);
  RETURN_IF_ERROR(drained.status());
  if (*drained) return Input::kMore;
  // After the end of input, or while `pending_` is full, the descriptor stays readable, so it must
  // not be polled.
  return input_ended_ || pending_.size() == kMaxHeld ? Input::kNoRoom : Input::kHeld;
}

void Console::Finish() {
  absl::StatusOr<bool> flushed = backend_->Flush();
  while (flushed.ok() && !*flushed) {
    if (is_aborted_ || !WaitForRoom().ok()) {
      LogLostOutput(absl::CancelledError("its reader does not read it"));
      return;
    }
    flushed = backend_->Flush();
  }
  if (!flushed.ok()) LogLostOutput(flushed.status());
}

absl::Status Console::WaitForRoom() {
  const bool may_read = !input_ended_ && !input_is_away_ && pending_.size() < kMaxHeld;
  RETURN_IF_ERROR(backend_->WaitForRoom(may_read ? backend_->input_fd() : -1));
  const absl::Status read = ReadInput();
  return absl::IsFailedPrecondition(read) ? absl::OkStatus() : read;
}

void Console::LogLostOutput(const absl::Status& error) {
  output_log_.Log(absl::StrCat("console output is lost: ", error.message()));
}

absl::Status Console::ReadInput() {
  if (input_ended_ || pending_.size() == kMaxHeld) return absl::OkStatus();
  std::array<std::byte, kMaxHeld> typed;
  const absl::StatusOr<size_t> len =
      backend_->Read(std::span(typed).first(kMaxHeld - pending_.size()));
  input_is_away_ = absl::IsFailedPrecondition(len.status());
  if (input_is_away_) return len.status();
  if (absl::IsUnavailable(len.status())) return absl::OkStatus();
  if (!len.ok()) {
    input_log_.Log(absl::StrCat("console input has ended: ", len.status().message()));
    input_ended_ = true;
    return absl::OkStatus();
  }
  if (*len == 0) input_ended_ = true;
  const std::span<const std::byte> read = std::span(typed).first(*len);
  pending_.insert(pending_.end(), read.begin(), read.end());
  if (abort_key_.Observe(read)) {
    is_aborted_ = true;
    return absl::CancelledError("three ^C within a second");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Console::DeliverInput(DmaPort& port) {
  const absl::StatusOr<std::optional<DmaPort::Buffer>> next = port.NextBuffer(kConsoleKey);
  RETURN_IF_ERROR(next.status());
  const std::optional<DmaPort::Buffer>& buffer = *next;
  if (!buffer.has_value()) return false;
  const DmaChain& chain = buffer->chain;
  size_t done = 0;
  for (size_t i = 0; i < chain.sections().size() && done < pending_.size(); ++i) {
    const size_t part = std::min(chain.sections()[i].iov_len, pending_.size() - done);
    const absl::Status written =
        memory_->WriteBytes(chain.section_address(i), std::span(pending_).subspan(done, part));
    if (!written.ok()) return written;
    done += part;
  }
  if (done == 0) {
    // The buffer has size 0. To deliver 0 bytes would interrupt the guest in an endless loop.
    RETURN_IF_ERROR(port.Release(*buffer));
    return false;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(done));
  RETURN_IF_ERROR(port.Deliver(*buffer, static_cast<uint32_t>(done)));
  return true;
}

}  // namespace lguest
