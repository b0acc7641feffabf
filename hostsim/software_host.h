// The /dev/lguest protocol in user space, over a virtual CPU.

#ifndef HOSTSIM_SOFTWARE_HOST_H_
#define HOSTSIM_SOFTWARE_HOST_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/clock.h"
#include "hostsim/guest_state.h"
#include "hostsim/quirks.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest::hostsim {

// In what software hosts differ, besides their CPUs.
struct HostTraits {
  uint32_t tsc_khz = 0;  // the rate of the time stamp counter that the guest reads; 0: not constant
  uint16_t guest_id = 0;  // Linux makes its network addresses of it
  Quirks quirks = Quirks::kNone;
};

// What the 2.6.23 kernel does for one guest (ABI.md §2, §3, §4), on any Vcpu. Whatever the guest
// does ends, at worst, the guest.
class SoftwareHost final : public Host, private TrapHandler {
 public:
  // The first three have to outlive the host.
  SoftwareHost(GuestMemory& memory, Vcpu& cpu, Clock& clock, const HostTraits& traits = {});
  ~SoftwareHost() override;

  absl::Status Initialize(const BootState& boot) override;
  absl::StatusOr<Exit> Run() override;
  absl::StatusOr<BoundDma> GetDma(DmaKey key) override;
  absl::Status RaiseInterrupt(uint32_t irq) override;
  absl::Status BreakOut() override;
  absl::Status Resume() override;

 private:
  bool OnTrap(const Trap& trap) override;
  absl::Status Handle(const Trap& trap);
  absl::Status HandleSoftwareInterrupt(uint8_t vector);
  absl::Status Reflect(const Trap& trap);

  // Serves the guest until it can run (true), or the launcher has to be told something (false).
  bool PrepareToRun();
  void HandleAlarm();
  void CheckTimer();
  void UpdateAlarm();
  void SleepUntilInterrupt();
  void Die(std::string_view reason);

  // The checks that every request starts with.
  absl::Status CheckCaller() const;
  bool is_dead() const { return dead_.load(std::memory_order_acquire); }

  GuestState guest_;

  std::atomic<bool> initialized_ = false;
  std::thread::id owner_;
  std::string death_reason_;  // valid once dead_
  std::atomic<bool> dead_ = false;

  std::optional<Nanos> retry_;  // when to look again at an interrupt that the guest did not accept
  std::optional<Nanos> alarm_;  // what the clock has been told
  std::atomic<bool> alarm_rang_ = false;

  std::mutex mutex_;
  std::condition_variable wakeup_;   // of a halted guest
  std::condition_variable resumed_;  // of those who broke out
  bool sleeping_ = false;            // in SleepUntilInterrupt()
  std::atomic<bool> broken_out_ = false;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTWARE_HOST_H_
