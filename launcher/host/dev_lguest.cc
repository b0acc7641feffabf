#include "launcher/host/dev_lguest.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

// The first word of what is written (ABI.md §2.1).
constexpr uint32_t kInitialize = 0;
constexpr uint32_t kGetDma = 1;
constexpr uint32_t kIrq = 2;
constexpr uint32_t kBreak = 3;

// What read() returns when the guest has sent a DMA.
struct SentPair {
  uint32_t dma;
  uint32_t key;
};
static_assert(sizeof(SentPair) == 8);

absl::Status DeadGuest() { return absl::ErrnoToStatus(ENOENT, "the guest is dead"); }

absl::Status NoBuffer(DmaKey key) {
  return absl::ErrnoToStatus(ENOENT,
                             absl::StrFormat("no free buffer is bound to key 0x%x", key.value()));
}

absl::Status Failed(int error, std::string_view step) {
  return absl::ErrnoToStatus(error, absl::StrFormat("/dev/lguest: %s", step));
}

std::string_view InitializeStep(int error) {
  switch (error) {
    case ENOSPC:
      return "starting a guest: 16 guests run already, and this host takes no more";
    case EBUSY:
      return "starting a guest: it is started already";
    case EINVAL:
      return "starting a guest: its page offset lies in the last 4 MB, which are the host's";
    default:
      return "starting a guest";
  }
}

}  // namespace

DevLguest::DevLguest(std::unique_ptr<LguestFile> file, GuestMemory& memory)
    : file_(std::move(file)), memory_(memory) {}

LguestFile::Result DevLguest::Request(std::initializer_list<uint32_t> words) {
  return file_->Write(std::span(words.begin(), words.size()));
}

absl::Status DevLguest::Initialize(const BootState& boot) {
  if (boot.abi->is_virtio()) {
    return absl::UnimplementedError("/dev/lguest runs guests of Linux 2.6.23 only");
  }
  if (uint64_t{boot.pfn_limit} * kPageSize != memory_.size()) {
    return Failed(EINVAL, absl::StrFormat("pfn limit %u is not that of %u bytes of memory",
                                          boot.pfn_limit, memory_.size()));
  }
  if (!memory_.Contains(boot.page_directory, kPageSize)) {
    return Failed(EINVAL, absl::StrFormat("page directory 0x%x lies outside guest memory",
                                          boot.page_directory.value()));
  }
  const int error = Request({kInitialize, boot.pfn_limit, boot.page_directory.value(),
                             boot.entry.value(), boot.page_offset})
                        .error;
  return error == 0 ? absl::OkStatus() : Failed(error, InitializeStep(error));
}

absl::StatusOr<Exit> DevLguest::Run() {
  if (dead_ || (may_have_died_.exchange(false) && IsDead())) return Death();
  if (std::exchange(break_requested_, false)) return BrokenOut();

  SentPair sent = {};
  const LguestFile::Result result = file_->Read(std::as_writable_bytes(std::span(&sent, 1)));
  switch (result.error) {
    case 0: {
      const GuestPhys dma(sent.dma);
      const bool plausible = result.value == sizeof(sent) && memory_.Contains(dma, sizeof(Dma));
      if (!plausible && IsDead()) return Death();
      return DmaSent{.dma = dma, .key = DmaKey(sent.key)};
    }
    case EAGAIN:
      return BrokenOut();
    case EINTR:
      return SignalReceived();
    case ENOENT:
      NoteDeath();
      return Death();
    default:
      return Failed(result.error, "running the guest");
  }
}

absl::StatusOr<BoundDma> DevLguest::GetDma(DmaKey key) {
  ledger_.Snapshot(memory_, key);
  const LguestFile::Result result = Request({kGetDma, key.value()});
  if (result.error == ENOENT) return IsDead() ? DeadGuest() : NoBuffer(key);
  if (result.error != 0) return Failed(result.error, "asking for a buffer");

  // The kernel hands out the address of a buffer outside guest memory, too.
  may_have_died_ = true;
  const GuestPhys dma(result.value);
  const absl::StatusOr<uint32_t> irq = memory_.Read<uint32_t>(dma);
  if (!irq.ok()) return IsDead() ? DeadGuest() : irq.status();
  const uint32_t used_len = ledger_.RecordHandout(dma);
  RETURN_IF_ERROR(memory_.Write(dma, used_len));
  if (used_len != 0) return NoBuffer(key);
  return BoundDma{.dma = dma, .irq = *irq};
}

absl::Status DevLguest::RaiseInterrupt(uint32_t irq) {
  const int error = Request({kIrq, irq}).error;
  if (error == ENOENT) {
    NoteDeath();
    return DeadGuest();
  }
  if (error != 0) return Failed(error, absl::StrFormat("raising interrupt %u", irq));
  may_have_died_ = false;
  return absl::OkStatus();
}

absl::Status DevLguest::BreakOut() {
  const BlockedThreads::Scope blocked(breakers_);
  while (!dead_) {
    const int error = Request({kBreak, 1}).error;
    if (error == 0) return absl::OkStatus();
    if (error == ENOENT) break;
    if (error != EINTR) return Failed(error, "breaking the guest out");
  }
  return DeadGuest();
}

absl::Status DevLguest::Resume() {
  // Clear the flag before the request. Resume() may run on another thread; cleared after the
  // request, the flag might lose what the owner notes meanwhile.
  may_have_died_ = false;
  const int error = Request({kBreak, 0}).error;
  if (error == ENOENT) {
    NoteDeath();
    return DeadGuest();
  }
  return error == 0 ? absl::OkStatus() : Failed(error, "letting the guest run again");
}

bool DevLguest::IsDead() {
  // An interrupt number that no guest has: EINVAL while the guest lives.
  if (!dead_ && Request({kIrq, kInterrupts}).error == ENOENT) NoteDeath();
  return dead_;
}

void DevLguest::NoteDeath() {
  // From now on the kernel refuses every break-out, but it does not release one it has accepted.
  dead_ = true;
  breakers_.InterruptAll();
}

Died DevLguest::Death() {
  if (death_reason_.empty()) {
    std::array<char, 512> text = {};
    const LguestFile::Result result = file_->Read(std::as_writable_bytes(std::span(text)));
    if (result.error == 0) {
      death_reason_.assign(text.begin(), std::find(text.begin(), text.end(), '\0'));
    } else {
      death_reason_ = absl::StrFormat("the host gives no reason: %s", std::strerror(result.error));
    }
  }
  return Died{death_reason_};
}

}  // namespace lguest
