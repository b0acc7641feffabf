#include "devices/block/disk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/guest/abi.h"

namespace lguest {

Disk::Disk(std::string label, std::unique_ptr<BlockBackend> backend, uint64_t most_sectors,
           const LogSink& log)
    : label_(std::move(label)),
      backend_(std::move(backend)),
      sectors_(std::min(backend_->size() / kSectorSize, most_sectors)),
      failure_log_(log) {
  const uint64_t hidden = backend_->size() - sectors_ * kSectorSize;
  if (hidden != 0 && log) {
    log(absl::StrFormat("%s: the guest cannot see the last %u bytes: %s", name(), hidden,
                        hidden < kSectorSize
                            ? "they are not a whole sector"
                            : absl::StrCat("a disk has at most ", most_sectors, " sectors")));
  }
}

std::string Disk::name() const { return absl::StrCat("block ", label_); }

bool Disk::Contains(uint64_t sector, uint32_t bytes) const {
  return sector <= sectors_ && bytes <= (sectors_ - sector) * kSectorSize;
}

bool Disk::Read(GuestMemory& memory, uint64_t sector, const DmaChain& chain) {
  if (!Contains(sector, chain.size())) return false;
  const absl::Status read = backend_->ReadAt(sector * kSectorSize, chain.sections());
  if (!read.ok()) chain.NotifyWritten(memory, chain.size());  // a part may have been read
  return Check(read, " (logged only once)");
}

bool Disk::Write(uint64_t sector, const DmaChain& chain) {
  if (!Contains(sector, chain.size())) return false;
  return Check(backend_->WriteAt(sector * kSectorSize, chain.sections()), " (logged only once)");
}

bool Disk::Sync() { return Check(backend_->Sync(), ""); }

bool Disk::Check(const absl::Status& status, const char* end_of_message) {
  if (!status.ok()) {
    failure_log_.Log(absl::StrCat(name(), ": ", status.message(), end_of_message));
  }
  return status.ok();
}

}  // namespace lguest
