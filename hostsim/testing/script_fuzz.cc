// Properties: a text is parsed as a script, or rejected with the line and the reason. Any script
// can be played; at worst its guest dies. Any script can be compiled to code, or is rejected with a
// reason.

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "hostsim/clock.h"
#include "hostsim/software_host.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/script_code.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"
#include "tools/fuzz/fuzz_target.h"

namespace {

using lguest::GuestMemory;
using lguest::hostsim::Action;
using lguest::hostsim::Nanos;
using lguest::hostsim::Script;

// Advances the time to the deadline of each wait. Breaks out a guest that waits without a deadline.
class SkippingClock final : public lguest::hostsim::Clock {
 public:
  void BreakOutOf(lguest::Host& host) { host_ = &host; }

  // The guest died or was resumed, so BreakOut() returns.
  void Join() {
    if (breaker_.joinable()) breaker_.join();
  }

  Nanos Now() override { return now_; }
  lguest::GuestTime WallTime() override { return {}; }
  void SetAlarmCallback(std::function<void()> /*callback*/) override {}
  void SetAlarm(std::optional<Nanos> /*deadline*/) override {}
  void Wait(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
            std::optional<Nanos> deadline) override {
    if (deadline.has_value()) {
      now_ = std::max(now_, *deadline);
      return;
    }
    if (!breaker_.joinable()) breaker_ = std::thread([this] { host_->BreakOut().IgnoreError(); });
    wakeup.wait(lock);
  }

 private:
  Nanos now_ = 0;
  lguest::Host* host_ = nullptr;
  std::thread breaker_;
};

// Plays the script until the guest dies or waits for an interrupt that never arrives.
void Play(const Script& script) {
  for (const Action& action : script.actions()) {
    if (action.op == Action::Op::kSpin) return;  // would loop forever
  }
  const std::unique_ptr<GuestMemory> memory =
      GuestMemory::Create(lguest::hostsim::kScriptMemorySize).value();
  lguest::hostsim::ScriptedVcpu cpu(*memory, script);
  SkippingClock clock;
  lguest::hostsim::SoftwareHost host(*memory, cpu, clock);
  clock.BreakOutOf(host);
  const lguest::BootState boot = {.pfn_limit = memory->size() / lguest::kPageSize,
                                  .page_directory = lguest::GuestPhys(0x8000),
                                  .entry = lguest::GuestVirt(0xc0010000),
                                  .page_offset = Script::kPageOffset};
  if (!host.Initialize(boot).ok()) std::abort();
  while (true) {
    const auto exit = host.Run();
    if (!exit.ok()) std::abort();
    if (const auto* died = std::get_if<lguest::Died>(&*exit)) {
      if (died->reason.empty()) std::abort();
      break;
    }
    const auto* sent = std::get_if<lguest::DmaSent>(&*exit);
    if (sent == nullptr) {
      if (!host.Resume().ok()) std::abort();
      break;
    }
    const auto buffer = host.GetDma(sent->key);
    if (buffer.ok() && !host.RaiseInterrupt(buffer->irq).ok()) std::abort();
  }
  clock.Join();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto script = Script::Parse({reinterpret_cast<const char*>(data), size});
  if (!script.ok()) {
    if (!script.status().message().starts_with("line ")) std::abort();
    return 0;
  }
  Play(*script);
  const std::unique_ptr<GuestMemory> memory =
      GuestMemory::Create(lguest::hostsim::kScriptMemorySize).value();
  const auto boot = LoadScriptCode(*script, *memory);
  if (!boot.ok() && boot.status().message().empty()) std::abort();
  return 0;
}
