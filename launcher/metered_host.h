// Counts and times what a host does.

#ifndef LAUNCHER_METERED_HOST_H_
#define LAUNCHER_METERED_HOST_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/host/host.h"

namespace lguest {

// Passes each call on to another host. Counts its exits, and measures how the time between the
// first call of Run() and the end of the last one was used. All times are in nanoseconds.
//
// Threads as in Host; only the owner reads the readings.
class MeteredHost final : public Host {
 public:
  struct Readings {
    // Ends of Run(), by kind.
    uint64_t dma_sent = 0;
    uint64_t notified = 0;
    uint64_t broken_out = 0;
    uint64_t interrupted = 0;
    uint64_t died = 0;

    int64_t first_run = 0;  // start of the first Run(), by CLOCK_MONOTONIC
    int64_t guest = 0;      // processor time in Run(): of the guest, and of the host for it
    int64_t sleep = 0;      // the rest of the time in Run(): halted, or preempted
    int64_t launcher = 0;   // between two calls of Run(): mostly devices
  };

  // `host` has to outlive this.
  explicit MeteredHost(Host& host) : host_(host) {}

  const Readings& readings() const { return readings_; }

  absl::Status Initialize(const BootState& boot) override { return host_.Initialize(boot); }
  absl::Status Restart(const BootState& boot) override { return host_.Restart(boot); }
  absl::StatusOr<Exit> Run() override;
  absl::StatusOr<BoundDma> GetDma(DmaKey key) override { return host_.GetDma(key); }
  absl::Status RaiseInterrupt(uint32_t irq) override { return host_.RaiseInterrupt(irq); }
  absl::Status BreakOut() override { return host_.BreakOut(); }
  absl::Status Resume() override { return host_.Resume(); }
  void RequestBreakOut() override { host_.RequestBreakOut(); }

 private:
  Host& host_;
  Readings readings_;
  int64_t last_end_ = 0;  // of Run(); 0: never
};

}  // namespace lguest

#endif  // LAUNCHER_METERED_HOST_H_
