// Backends of devices whose results are on a tape.

#ifndef LAUNCHER_TIMETRAVEL_TAPED_BACKENDS_H_
#define LAUNCHER_TIMETRAVEL_TAPED_BACKENDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/block/block_backend.h"
#include "devices/bus/io_vector.h"
#include "devices/console/console_backend.h"
#include "devices/net/packet_backend.h"
#include "launcher/timetravel/tape.h"

namespace lguest::timetravel {

// Each class passes the operations of `device` on to another backend, through a tape. With the tape
// of a replay there is no other backend: it is nullptr, and no descriptor is watched.

class TapedConsole final : public ConsoleBackend {
 public:
  TapedConsole(uint32_t device, std::unique_ptr<ConsoleBackend> backend, Tape& tape)
      : device_(device), backend_(std::move(backend)), tape_(tape) {}

  int input_fd() const override { return backend_ == nullptr ? -1 : backend_->input_fd(); }
  absl::StatusOr<size_t> Read(std::span<std::byte> to) override;
  absl::StatusOr<size_t> Write(std::span<const iovec> from) override;
  absl::StatusOr<bool> Flush() override;
  absl::Status WaitForRoom(int other_fd) override;

 private:
  const uint32_t device_;
  const std::unique_ptr<ConsoleBackend> backend_;
  Tape& tape_;
};

// The console of a replay: what it takes is shown on another console, whose input is not read.
class ShownConsole final : public ConsoleBackend {
 public:
  // `is_shown`, which outlives this: false while nothing is to be shown.
  ShownConsole(std::unique_ptr<ConsoleBackend> replayed, std::unique_ptr<ConsoleBackend> screen,
               const bool& is_shown)
      : replayed_(std::move(replayed)), screen_(std::move(screen)), is_shown_(is_shown) {}

  int input_fd() const override { return replayed_->input_fd(); }
  absl::StatusOr<size_t> Read(std::span<std::byte> to) override { return replayed_->Read(to); }
  absl::StatusOr<size_t> Write(std::span<const iovec> from) override;
  absl::StatusOr<bool> Flush() override;
  absl::Status WaitForRoom(int other_fd) override { return replayed_->WaitForRoom(other_fd); }

 private:
  // Writes the first `size` bytes of `pieces` to the screen. Output that it does not take is lost.
  void Show(std::span<const iovec> pieces, size_t size);

  const std::unique_ptr<ConsoleBackend> replayed_;
  const std::unique_ptr<ConsoleBackend> screen_;
  const bool& is_shown_;
};

class TapedBlock final : public BlockBackend {
 public:
  TapedBlock(uint32_t device, std::unique_ptr<BlockBackend> backend, Tape& tape);

  uint64_t size() const override { return size_; }
  absl::Status ReadAt(uint64_t offset, std::span<const iovec> pieces) override;
  absl::Status WriteAt(uint64_t offset, std::span<const iovec> pieces) override;
  absl::Status Sync() override { return backend_ == nullptr ? absl::OkStatus() : backend_->Sync(); }

 private:
  const uint32_t device_;
  const std::unique_ptr<BlockBackend> backend_;
  Tape& tape_;
  uint64_t size_ = 0;
};

class TapedPackets final : public PacketBackend {
 public:
  TapedPackets(uint32_t device, std::unique_ptr<PacketBackend> backend, Tape& tape);

  int fd() const override { return backend_ == nullptr ? -1 : backend_->fd(); }
  NetPeer mac() const override { return mac_; }
  bool IsReadable() const override;
  absl::StatusOr<size_t> Read(const IoVector& to) override;
  absl::Status Write(std::span<const iovec> packet) override;

 private:
  const uint32_t device_;
  const std::unique_ptr<PacketBackend> backend_;
  Tape& tape_;
  NetPeer mac_ = {};
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_TAPED_BACKENDS_H_
