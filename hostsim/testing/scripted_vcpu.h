// A virtual CPU that plays a script: the guest of the unit tests.

#ifndef HOSTSIM_TESTING_SCRIPTED_VCPU_H_
#define HOSTSIM_TESTING_SCRIPTED_VCPU_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/testing/script.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// Does what a guest with this script would do, one action at a time, and records each expectation
// that fails. At its end, the script crashes with the text "script ended".
class ScriptedVcpu : public Vcpu {
 public:
  // `memory` outlives it.
  ScriptedVcpu(GuestMemory& memory, Script script);

  // One line for each expectation that failed, or empty.
  const std::vector<std::string>& failures() const { return failures_; }

  // Whether all actions were executed.
  bool finished() const { return next_ == script_.actions().size(); }

  // Calls of the host on this CPU.
  bool task_switched() const { return task_switched_; }
  std::span<const uint64_t, kGdtEntries> gdt() const { return gdt_; }
  const std::vector<std::string>& flushes() const { return flushes_; }
  uint32_t page_offset() const { return page_offset_; }
  const std::vector<AddressSpace>& spaces() const { return spaces_; }

  absl::Status Start(GuestPhys page_directory, uint32_t page_offset) override;
  absl::Status SetAddressSpace(const AddressSpace& space) override {
    spaces_.push_back(space);
    return absl::OkStatus();
  }
  absl::StatusOr<Stop> Run(TrapHandler& handler) override;
  void Kick() override;
  uint32_t Get(Register reg) const override { return registers_[static_cast<size_t>(reg)]; }
  void Set(Register reg, uint32_t value) override { registers_[static_cast<size_t>(reg)] = value; }
  void SetGdt(std::span<const uint64_t, kGdtEntries> gdt) override;
  void SetTaskSwitched(bool on) override { task_switched_ = on; }
  void SetPageDirectory(GuestPhys page_directory) override { page_directory_ = page_directory; }
  GuestPhys page_directory() const override { return page_directory_; }
  void FlushTlb() override { flushes_.emplace_back("all"); }
  void FlushUserTlb() override { flushes_.emplace_back("user"); }
  void FlushPage(GuestPhys directory, GuestVirt page) override;
  void FlushDirectoryEntry(GuestPhys directory, uint32_t index) override;

 private:
  enum class Progress : uint8_t { kDone, kAgain };

  // Executes one action. Returns false if the host wants Run() to return.
  bool Do(const Action& action, TrapHandler& handler, Progress& progress);
  bool Hypercall(TrapHandler& handler, std::span<const uint32_t> numbers);
  void PutInRing(std::span<const uint32_t> numbers);
  void Put(const Action& action);
  void Expect(const Action& action);
  bool Crash(TrapHandler& handler, const std::string& text);
  // If the host made the guest enter an interrupt handler: records the interrupt and returns from
  // the handler.
  void ServeInterrupt();

  GuestMemory& memory_;
  const Script script_;
  size_t next_ = 0;
  std::vector<std::string> failures_;

  std::array<uint32_t, 16> registers_ = {};
  GuestPhys page_directory_;
  uint32_t page_offset_ = 0;
  std::array<uint64_t, kGdtEntries> gdt_ = {};
  bool task_switched_ = false;
  std::vector<std::string> flushes_;
  std::vector<AddressSpace> spaces_;

  uint32_t interrupts_seen_ = 0;
  uint32_t next_ring_slot_ = 0;
  std::atomic<bool> kicked_ = false;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_SCRIPTED_VCPU_H_
