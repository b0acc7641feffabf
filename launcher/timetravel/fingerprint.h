// What two runs of a guest have in common if they are the same run.

#ifndef LAUNCHER_TIMETRAVEL_FINGERPRINT_H_
#define LAUNCHER_TIMETRAVEL_FINGERPRINT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/block/block_backend.h"
#include "devices/console/console_backend.h"
#include "hostsim/clock.h"
#include "hostsim/vcpu.h"
#include "launcher/timetravel/hash.h"

namespace lguest::timetravel {

// All registers of the guest, those of the FPU too.
uint64_t HashOfRegisters(const hostsim::Vcpu& cpu);

struct Fingerprint {
  uint64_t instructions = 0;
  hostsim::Nanos time = 0;
  uint64_t memory = 0;  // a hash, as those below
  uint64_t registers = 0;
  uint64_t console = 0;  // of the output
  uint64_t disks = 0;    // of all writes

  // Names and values, for people.
  std::vector<std::pair<std::string, std::string>> Items() const;
  // The items in one line: "instructions=5 time=0.000000010 memory=...".
  std::string Text() const;
};

// Passes everything on to another backend, and adds the bytes that it takes to a hash.
class HashedConsole final : public ConsoleBackend {
 public:
  // `hash` outlives this.
  HashedConsole(std::unique_ptr<ConsoleBackend> backend, Hash& hash)
      : backend_(std::move(backend)), hash_(hash) {}

  int input_fd() const override { return backend_->input_fd(); }
  absl::StatusOr<size_t> Read(std::span<std::byte> to) override { return backend_->Read(to); }
  absl::StatusOr<size_t> Write(std::span<const iovec> from) override;
  absl::StatusOr<bool> Flush() override { return backend_->Flush(); }
  absl::Status WaitForRoom(int other_fd) override { return backend_->WaitForRoom(other_fd); }

 private:
  const std::unique_ptr<ConsoleBackend> backend_;
  Hash& hash_;
};

// Passes everything on to another backend, and adds all writes to a hash.
class HashedBlock final : public BlockBackend {
 public:
  // `hash` outlives this. `device` tells the disks of one hash apart.
  HashedBlock(uint32_t device, std::unique_ptr<BlockBackend> backend, Hash& hash)
      : device_(device), backend_(std::move(backend)), hash_(hash) {}

  uint64_t size() const override { return backend_->size(); }
  absl::Status ReadAt(uint64_t offset, std::span<const iovec> pieces) override {
    return backend_->ReadAt(offset, pieces);
  }
  absl::Status WriteAt(uint64_t offset, std::span<const iovec> pieces) override;
  absl::Status Sync() override { return backend_->Sync(); }

 private:
  const uint32_t device_;
  const std::unique_ptr<BlockBackend> backend_;
  Hash& hash_;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_FINGERPRINT_H_
