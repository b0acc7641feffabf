// A Host without a guest, for tests of the layers above it.

#ifndef DEVICES_TESTING_FAKE_HOST_H_
#define DEVICES_TESTING_FAKE_HOST_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "launcher/host/host.h"

namespace lguest {

// The test binds the buffers that GetDma() returns, and reads the interrupts that were raised.
class FakeHost final : public Host {
 public:
  // GetDma(key) returns `dma` once. Several buffers of one key are returned in order.
  void Bind(DmaKey key, GuestPhys dma, uint32_t irq) { bound_[key].push_back({dma, irq}); }
  void Kill() { dead_ = true; }
  void set_on_interrupt(std::function<void()> callback) { on_interrupt_ = std::move(callback); }
  const std::vector<uint32_t>& interrupts() const { return interrupts_; }

  int break_outs_requested = 0;  // calls of RequestBreakOut()

  absl::Status Initialize(const BootState& /*boot*/) override { return absl::OkStatus(); }
  absl::StatusOr<Exit> Run() override { return Exit(Died{"a fake host runs no guest"}); }
  absl::StatusOr<BoundDma> GetDma(DmaKey key) override {
    const auto buffers = bound_.find(key);
    if (dead_ || buffers == bound_.end() || buffers->second.empty()) {
      return absl::NotFoundError("no dma buffer");
    }
    const BoundDma next = buffers->second.front();
    buffers->second.pop_front();
    return next;
  }
  absl::Status RaiseInterrupt(uint32_t irq) override {
    if (dead_) return absl::NotFoundError("the guest is dead");
    interrupts_.push_back(irq);
    if (on_interrupt_) on_interrupt_();
    return absl::OkStatus();
  }
  absl::Status BreakOut() override { return absl::OkStatus(); }
  absl::Status Resume() override { return absl::OkStatus(); }
  void RequestBreakOut() override { ++break_outs_requested; }

 private:
  std::map<DmaKey, std::deque<BoundDma>> bound_;
  std::vector<uint32_t> interrupts_;
  std::function<void()> on_interrupt_;
  bool dead_ = false;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_FAKE_HOST_H_
