#include "launcher/timetravel/taped_backends.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace lguest::timetravel {
namespace {

const Outcome kOk = {};
const Outcome kNothing = {.code = static_cast<uint32_t>(absl::StatusCode::kUnavailable)};

// The message that there is nothing to read is of no use, and usual results need not be kept.
Outcome OutcomeOf(const absl::Status& status) {
  if (absl::IsUnavailable(status)) return kNothing;
  return {.code = static_cast<uint32_t>(status.code()),
          .value = 0,
          .data = std::string(status.message())};
}

template <typename T>
Outcome OutcomeOf(const absl::StatusOr<T>& result) {
  Outcome outcome = OutcomeOf(result.status());
  if (result.ok()) outcome.value = static_cast<uint64_t>(*result);
  return outcome;
}

absl::Status StatusOf(const Outcome& outcome) {
  return absl::Status(static_cast<absl::StatusCode>(outcome.code), outcome.data);
}

// The first `size` bytes of `pieces`.
std::string Gather(std::span<const iovec> pieces, size_t size) {
  std::string bytes;
  for (const iovec& piece : pieces) {
    const size_t part = std::min(piece.iov_len, size - bytes.size());
    bytes.append(static_cast<const char*>(piece.iov_base), part);
  }
  return bytes;
}

// Copies `bytes` to `pieces`, as many as have room.
void Scatter(std::string_view bytes, std::span<const iovec> pieces) {
  for (const iovec& piece : pieces) {
    const size_t part = std::min(piece.iov_len, bytes.size());
    if (part != 0) std::memcpy(piece.iov_base, bytes.data(), part);
    bytes.remove_prefix(part);
  }
}

size_t SizeOf(std::span<const iovec> pieces) {
  size_t size = 0;
  for (const iovec& piece : pieces) size += piece.iov_len;
  return size;
}

std::span<const iovec> PiecesOf(const IoVector& vector) {
  return {vector.data(), static_cast<size_t>(vector.count())};
}

// The number of bytes that an operation has read into `room` bytes. The recording may be hostile.
absl::StatusOr<size_t> ReadSize(const Outcome& outcome, size_t room) {
  if (outcome.code != 0) return StatusOf(outcome);
  if (outcome.value > room || outcome.data.size() > room) {
    return absl::DataLossError("the recording has more bytes than were read");
  }
  return static_cast<size_t>(outcome.value);
}

}  // namespace

absl::StatusOr<size_t> TapedConsole::Read(std::span<std::byte> to) {
  const iovec room = {.iov_base = to.data(), .iov_len = to.size()};
  const Outcome outcome = tape_.Perform(
      device_,
      [&] {
        const absl::StatusOr<size_t> len = backend_->Read(to);
        Outcome read = OutcomeOf(len);
        if (len.ok()) read.data = Gather(std::span(&room, 1), *len);
        return read;
      },
      kNothing);
  Scatter(outcome.code == 0 ? outcome.data : "", std::span(&room, 1));
  return ReadSize(outcome, to.size());
}

absl::StatusOr<size_t> TapedConsole::Write(std::span<const iovec> from) {
  const size_t size = SizeOf(from);
  const Outcome outcome =
      tape_.Perform(device_, [&] { return OutcomeOf(backend_->Write(from)); }, {.value = size});
  return ReadSize(outcome, size);
}

absl::StatusOr<bool> TapedConsole::Flush() {
  const Outcome outcome =
      tape_.Perform(device_, [&] { return OutcomeOf(backend_->Flush()); }, {.value = 1});
  if (outcome.code != 0) return StatusOf(outcome);
  return outcome.value != 0;
}

absl::Status TapedConsole::WaitForRoom(int other_fd) {
  return StatusOf(
      tape_.Perform(device_, [&] { return OutcomeOf(backend_->WaitForRoom(other_fd)); }, kOk));
}

absl::StatusOr<size_t> ShownConsole::Write(std::span<const iovec> from) {
  absl::StatusOr<size_t> taken = replayed_->Write(from);
  if (taken.ok() && is_shown_) Show(from, *taken);
  return taken;
}

absl::StatusOr<bool> ShownConsole::Flush() {
  absl::StatusOr<bool> shown = screen_->Flush();
  while (shown.ok() && !*shown && screen_->WaitForRoom(-1).ok()) shown = screen_->Flush();
  return replayed_->Flush();
}

void ShownConsole::Show(std::span<const iovec> pieces, size_t size) {
  std::string bytes = Gather(pieces, size);
  while (!bytes.empty()) {
    const iovec rest = {.iov_base = bytes.data(), .iov_len = bytes.size()};
    const absl::StatusOr<size_t> shown = screen_->Write(std::span(&rest, 1));
    if (!shown.ok()) return;
    bytes.erase(0, *shown);
    if (!bytes.empty() && !screen_->WaitForRoom(-1).ok()) return;
  }
}

TapedBlock::TapedBlock(uint32_t device, std::unique_ptr<BlockBackend> backend, Tape& tape)
    : device_(device), backend_(std::move(backend)), tape_(tape) {
  size_ = tape_.Perform(device_, [&] { return Outcome{.value = backend_->size()}; }, kOk).value;
}

absl::Status TapedBlock::ReadAt(uint64_t offset, std::span<const iovec> pieces) {
  const Outcome outcome = tape_.Perform(
      device_,
      [&] {
        const absl::Status status = backend_->ReadAt(offset, pieces);
        Outcome read = OutcomeOf(status);
        // A failed read may have changed a part.
        read.value = read.data.size();
        read.data += Gather(pieces, SizeOf(pieces));
        return read;
      },
      kOk);
  const std::string_view data = outcome.data;
  if (outcome.value > data.size()) return absl::DataLossError("the recording has no message");
  const auto message = static_cast<size_t>(outcome.value);
  Scatter(data.substr(message), pieces);
  return absl::Status(static_cast<absl::StatusCode>(outcome.code), data.substr(0, message));
}

absl::Status TapedBlock::WriteAt(uint64_t offset, std::span<const iovec> pieces) {
  return StatusOf(
      tape_.Perform(device_, [&] { return OutcomeOf(backend_->WriteAt(offset, pieces)); }, kOk));
}

TapedPackets::TapedPackets(uint32_t device, std::unique_ptr<PacketBackend> backend, Tape& tape)
    : device_(device), backend_(std::move(backend)), tape_(tape) {
  const Outcome outcome = tape_.Perform(
      device_,
      [&] {
        const NetPeer mac = backend_->mac();
        return Outcome{.data = std::string(reinterpret_cast<const char*>(&mac), sizeof(mac))};
      },
      kOk);
  if (outcome.data.size() == sizeof(mac_)) std::memcpy(&mac_, outcome.data.data(), sizeof(mac_));
}

bool TapedPackets::IsReadable() const {
  return tape_
             .Perform(
                 device_, [&] { return Outcome{.value = backend_->IsReadable() ? 1u : 0u}; }, kOk)
             .value != 0;
}

absl::StatusOr<size_t> TapedPackets::Read(const IoVector& to) {
  const std::span<const iovec> pieces = PiecesOf(to);
  const Outcome outcome = tape_.Perform(
      device_,
      [&] {
        const absl::StatusOr<size_t> len = backend_->Read(to);
        Outcome read = OutcomeOf(len);
        if (len.ok()) read.data = Gather(pieces, *len);
        return read;
      },
      kNothing);
  Scatter(outcome.code == 0 ? outcome.data : "", pieces);
  return ReadSize(outcome, SizeOf(pieces));
}

absl::Status TapedPackets::Write(std::span<const iovec> packet) {
  return StatusOf(tape_.Perform(device_, [&] { return OutcomeOf(backend_->Write(packet)); }, kOk));
}

}  // namespace lguest::timetravel
