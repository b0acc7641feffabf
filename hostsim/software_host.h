// The /dev/lguest protocol in user space, over a virtual CPU.

#ifndef HOSTSIM_SOFTWARE_HOST_H_
#define HOSTSIM_SOFTWARE_HOST_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/clock.h"
#include "hostsim/guest_state.h"
#include "hostsim/quirks.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest::hostsim {

// Properties of a software host, besides its CPU.
struct HostTraits {
  uint32_t tsc_khz = 0;   // rate of the guest's time stamp counter; 0: not constant
  uint16_t guest_id = 0;  // Linux derives the MAC addresses of the guest from it
  Quirks quirks = Quirks::kNone;
};

// Implements the host of one guest, like the 2.6.23 kernel (ABI.md §2, §3, §4), on any Vcpu. A
// hostile guest can kill only itself.
class SoftwareHost final : public Host, private TrapHandler {
 public:
  // `memory`, `cpu` and `clock` must outlive the host.
  SoftwareHost(GuestMemory& memory, Vcpu& cpu, Clock& clock, const HostTraits& traits = {});
  ~SoftwareHost() override;

  absl::Status Initialize(const BootState& boot) override;
  absl::Status Restart(const BootState& boot) override;
  absl::StatusOr<Exit> Run() override;
  absl::StatusOr<BoundDma> GetDma(DmaKey key) override;
  absl::Status RaiseInterrupt(uint32_t irq) override;
  absl::Status BreakOut() override;
  absl::Status Resume() override;
  void RequestBreakOut() override { break_requested_ = true; }

  // Sets the function that is called, inside Run(), when the CPU has stopped for a debugger.
  void set_debug_handler(std::function<void()> handler) { debug_handler_ = std::move(handler); }

 private:
  // Runs the CPU until the host has something to do.
  absl::StatusOr<Vcpu::Stop> RunCpu();
  bool OnTrap(const Trap& trap) override;
  absl::Status Handle(const Trap& trap);
  absl::Status HandleSoftwareInterrupt(uint8_t vector);
  absl::Status Reflect(const Trap& trap);
  absl::Status Start(const BootState& boot);
  absl::Status StartGeneration(const BootState& boot);

  // Executes pending hypercalls, delivers interrupts and waits while the guest is halted. Returns
  // true if the guest can run, false if Run() must return.
  bool PrepareToRun();
  void HandleAlarm();
  void CheckTimer();
  void UpdateAlarm();
  void SleepUntilInterrupt();
  void Die(std::string_view reason);

  // The checks at the start of Run(), GetDma() and RaiseInterrupt() (ABI.md §2.3).
  absl::Status CheckCaller() const;
  bool is_dead() const { return dead_.load(std::memory_order_acquire); }

  const HostTraits traits_;
  GuestState guest_;
  // Executes the instruction that raised #GP(0), if the host does that.
  absl::StatusOr<bool> (*emulate_privileged_)(GuestState& guest);

  std::atomic<bool> initialized_ = false;
  std::thread::id owner_;
  std::string death_reason_;  // valid if dead_
  std::atomic<bool> dead_ = false;

  std::optional<Nanos> retry_;  // when to retry an interrupt that the guest did not accept
  std::optional<Nanos> alarm_;  // the alarm set on the clock
  std::atomic<bool> alarm_rang_ = false;

  std::mutex mutex_;
  std::condition_variable wakeup_;   // wakes SleepUntilInterrupt()
  std::condition_variable resumed_;  // wakes threads in BreakOut()
  bool sleeping_ = false;            // the owner is in SleepUntilInterrupt()
  std::atomic<bool> broken_out_ = false;
  bool break_requested_ = false;  // by the owner
  std::function<void()> debug_handler_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTWARE_HOST_H_
