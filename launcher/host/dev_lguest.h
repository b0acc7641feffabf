// The real host: the character device /dev/lguest of an i386 Linux 2.6.23.

#ifndef LAUNCHER_HOST_DEV_LGUEST_H_
#define LAUNCHER_HOST_DEV_LGUEST_H_

#include <atomic>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/blocked_threads.h"
#include "launcher/host/dma_ledger.h"
#include "launcher/host/host.h"
#include "launcher/host/lguest_file.h"

namespace lguest {

// Host over the requests of ABI.md §2.1. Where the kernel has corners that other hosts do not have,
// they end here:
//
//  * ENOENT means "dead" or "no buffer"; and a death that no read() has told of makes the next one
//    return the beginning of its reason as if it were a DMA. Both are settled by a request that
//    changes nothing.
//  * A buffer in use is handed out when there is no free one: its length is put back, and the
//    answer is "none".
//  * A free buffer stays marked as taken, with the interrupt's number for a length: it is marked as
//    free again, and belongs to the caller until he fills it.
//  * Whoever breaks out waits for ever when the guest dies before Resume(): he is interrupted.
class DevLguest final : public Host {
 public:
  // `memory`, which outlives the host, is placed with GuestMemory::Placement::kIdentity: that is
  // where the kernel looks for it.
  DevLguest(std::unique_ptr<LguestFile> file, GuestMemory& memory);

  absl::Status Initialize(const BootState& boot) override;
  absl::StatusOr<Exit> Run() override;
  absl::StatusOr<BoundDma> GetDma(DmaKey key) override;
  absl::Status RaiseInterrupt(uint32_t irq) override;
  absl::Status BreakOut() override;
  absl::Status Resume() override;

 private:
  LguestFile::Result Request(std::initializer_list<uint32_t> words);

  // Asks the kernel, and notes the answer.
  bool IsDead();
  void NoteDeath();
  Died Death();

  const std::unique_ptr<LguestFile> file_;
  GuestMemory& memory_;
  DmaLedger ledger_;
  std::atomic<bool> may_have_died_ = false;  // since the kernel was last seen to serve the guest
  std::string death_reason_;                 // empty until it has been read
  std::atomic<bool> dead_ = false;
  BlockedThreads breakers_;
};

}  // namespace lguest

#endif  // LAUNCHER_HOST_DEV_LGUEST_H_
