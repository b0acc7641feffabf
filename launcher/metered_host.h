// What a host does, counted and timed.

#ifndef LAUNCHER_METERED_HOST_H_
#define LAUNCHER_METERED_HOST_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/host/host.h"

namespace lguest {

// Passes everything on to another host, and keeps count of its exits and of where the time between
// the first call of Run() and the end of the last one went. All times are in nanoseconds.
//
// Calls come from the threads that Host names; readings are for the owner.
class MeteredHost final : public Host {
 public:
  struct Readings {
    // Ends of Run(), by kind.
    uint64_t dma_sent = 0;
    uint64_t broken_out = 0;
    uint64_t interrupted = 0;
    uint64_t died = 0;

    int64_t first_run = 0;  // when Run() was first called, by CLOCK_MONOTONIC
    int64_t guest = 0;      // in Run(), computing: the guest, and the host on its behalf
    int64_t sleep = 0;      // in Run(), but not computing: halted, or another program's turn
    int64_t launcher = 0;   // between two calls of Run(): devices, mostly
  };

  // `host` has to outlive this.
  explicit MeteredHost(Host& host) : host_(host) {}

  const Readings& readings() const { return readings_; }

  absl::Status Initialize(const BootState& boot) override { return host_.Initialize(boot); }
  absl::StatusOr<Exit> Run() override;
  absl::StatusOr<BoundDma> GetDma(DmaKey key) override { return host_.GetDma(key); }
  absl::Status RaiseInterrupt(uint32_t irq) override { return host_.RaiseInterrupt(irq); }
  absl::Status BreakOut() override { return host_.BreakOut(); }
  absl::Status Resume() override { return host_.Resume(); }

 private:
  Host& host_;
  Readings readings_;
  int64_t last_end_ = 0;  // of Run(); 0: never
};

}  // namespace lguest

#endif  // LAUNCHER_METERED_HOST_H_
