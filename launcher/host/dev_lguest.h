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

// Host over the requests of ABI.md §2.1. Hides what the kernel does differently from other hosts:
//
//  * ENOENT means "dead" or "no buffer". After a death outside read(), the next read() returns the
//    start of the reason as if it were a DMA. In both cases a request that changes nothing tells
//    which it is.
//  * When no buffer is free, the kernel hands out a buffer in use. Its length is restored, and
//    GetDma() says that there is none.
//  * The kernel writes the interrupt's number into `used_len` of a free buffer. GetDma() sets
//    `used_len` to 0 again. The caller owns the buffer until it delivers it.
//  * BREAK blocks forever if the guest dies before Resume(). The blocked thread is interrupted.
class DevLguest final : public Host {
 public:
  // `memory` outlives the host. Its placement is GuestMemory::Placement::kIdentity: the kernel
  // looks for it there.
  DevLguest(std::unique_ptr<LguestFile> file, GuestMemory& memory);

  absl::Status Initialize(const BootState& boot) override;
  absl::StatusOr<Exit> Run() override;
  absl::StatusOr<BoundDma> GetDma(DmaKey key) override;
  absl::Status RaiseInterrupt(uint32_t irq) override;
  absl::Status BreakOut() override;
  absl::Status Resume() override;
  // The kernel has no such request: Run() returns without a read().
  void RequestBreakOut() override { break_requested_ = true; }

 private:
  LguestFile::Result Request(std::initializer_list<uint32_t> words);

  // Asks the kernel, and notes a death.
  bool IsDead();
  void NoteDeath();
  Died Death();

  const std::unique_ptr<LguestFile> file_;
  GuestMemory& memory_;
  DmaLedger ledger_;
  std::atomic<bool> may_have_died_ = false;  // since the last request that succeeded
  std::string death_reason_;                 // empty until it has been read
  std::atomic<bool> dead_ = false;
  bool break_requested_ = false;  // by the owner
  BlockedThreads breakers_;
};

}  // namespace lguest

#endif  // LAUNCHER_HOST_DEV_LGUEST_H_
