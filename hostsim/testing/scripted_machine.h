// A software host with a scripted guest and a clock that the test controls.

#ifndef HOSTSIM_TESTING_SCRIPTED_MACHINE_H_
#define HOSTSIM_TESTING_SCRIPTED_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "hostsim/quirks.h"
#include "hostsim/software_host.h"
#include "hostsim/testing/fake_clock.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest::hostsim {

class ScriptedMachine {
 public:
  static constexpr uint32_t kMemorySize = 16 * kPageSize;
  static constexpr uint32_t kTscKhz = 2'000'000;
  static constexpr uint16_t kGuestId = 0x1234;

  explicit ScriptedMachine(Script script, uint32_t memory_size = kMemorySize,
                           Quirks quirks = Quirks::kNone)
      : memory_(GuestMemory::Create(memory_size).value()),
        cpu_(*memory_, std::move(script)),
        host_(*memory_, cpu_, clock_,
              {.tsc_khz = kTscKhz, .guest_id = kGuestId, .quirks = quirks}) {}

  BootState boot() const {
    return {.pfn_limit = memory_->size() / kPageSize,
            .page_directory = GuestPhys(0),
            .entry = GuestVirt(0xc0010000),
            .page_offset = Script::kPageOffset};
  }

  // Runs until the launcher has work. Initializes the host first if needed.
  Exit Run() {
    if (!std::exchange(started_, true)) host_.Initialize(boot()).IgnoreError();
    return host_.Run().value();
  }

  // Runs until the guest dies and returns the reason. Returns any other exit as text.
  std::string Death() {
    const Exit exit = Run();
    if (const Died* died = std::get_if<Died>(&exit)) return died->reason;
    return "not dead";
  }

  GuestMemory& memory() { return *memory_; }
  ScriptedVcpu& cpu() { return cpu_; }
  FakeClock& clock() { return clock_; }
  SoftwareHost& host() { return host_; }

 private:
  std::unique_ptr<GuestMemory> memory_;
  ScriptedVcpu cpu_;
  FakeClock clock_;
  SoftwareHost host_;
  bool started_ = false;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_SCRIPTED_MACHINE_H_
