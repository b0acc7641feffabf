// Tests that every host of lguest must pass. Each test covers a table row, an errno or a note of
// ABI.md §1, §2. The same tests run on a software host with a scripted guest or with guest code,
// and in a separate program on a real /dev/lguest.

#ifndef HOSTSIM_CONFORMANCE_CONFORMANCE_H_
#define HOSTSIM_CONFORMANCE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/script_code.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest::hostsim {

// A host before Initialize(), with a guest that plays a script.
class ConformanceMachine {
 public:
  virtual ~ConformanceMachine() = default;

  virtual GuestMemory& memory() = 0;  // kScriptMemorySize bytes
  virtual Host& host() = 0;
  virtual BootState boot() const = 0;

  // One line for each expectation of the script that failed.
  virtual std::vector<std::string> failures() const = 0;
};

struct HostUnderTest {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<ConformanceMachine>>(const Script& script)> make;
};

// Each program that links the tests defines this list. All hosts have the 2.6.23 kernel's quirks.
const std::vector<HostUnderTest>& HostsUnderTest();

class ConformanceTest : public ::testing::TestWithParam<HostUnderTest> {
 protected:
  // Pages that neither Script::Init() nor guest code uses.
  static constexpr uint32_t kFree = 0x5000;
  static constexpr uint32_t kBuffer = 0x6000;

  void TearDown() override {
    if (machine_ == nullptr) return;
    for (const std::string& failure : machine_->failures()) ADD_FAILURE() << failure;
  }

  // Makes a host with a guest that plays `script`. Exits the program if the host is not available.
  void Make(const Script& script) {
    machine_.reset();  // some hosts allow only one guest
    absl::StatusOr<std::unique_ptr<ConformanceMachine>> made = GetParam().make(script);
    if (!made.ok()) {
      std::cerr << made.status() << "\n";
      std::exit(EXIT_FAILURE);
    }
    machine_ = *std::move(made);
  }

  // Makes and initializes a host.
  void Start(const Script& script) {
    Make(script);
    const absl::Status started = host().Initialize(machine_->boot());
    ASSERT_TRUE(started.ok()) << started;
  }

  // Runs until the launcher has work. Ignores signals.
  Exit Run() {
    while (true) {
      absl::StatusOr<Exit> exit = host().Run();
      if (!exit.ok()) return Died{"error: " + std::string(exit.status().message())};
      if (!std::holds_alternative<SignalReceived>(*exit)) return *std::move(exit);
    }
  }

  // Runs until the guest dies, and returns the reason. Any other exit is a failure.
  std::string Death() {
    const Exit exit = Run();
    const Died* died = std::get_if<Died>(&exit);
    return died == nullptr ? "not dead" : died->reason;
  }

  // Start(), then Death().
  std::string DeathOf(const Script& script) {
    Start(script);
    return HasFatalFailure() ? "not started" : Death();
  }

  // Runs until the guest's next SEND_DMA.
  DmaSent Sent() {
    const Exit exit = Run();
    const DmaSent* sent = std::get_if<DmaSent>(&exit);
    EXPECT_NE(sent, nullptr);
    return sent == nullptr ? DmaSent() : *sent;
  }

  // Runs `what` on a thread that does not own the guest.
  template <typename What>
  static auto OnAnotherThread(What what) {
    return std::async(std::launch::async, what).get();
  }

  Host& host() { return machine_->host(); }
  GuestMemory& memory() { return machine_->memory(); }
  BootState boot() const { return machine_->boot(); }
  uint32_t Word(uint32_t addr) const {
    return machine_->memory().Read<uint32_t>(GuestPhys(addr)).value();
  }
  LguestData Data() const { return machine_->memory().Read<LguestData>(Script::kData).value(); }

 private:
  std::unique_ptr<ConformanceMachine> machine_;
};

// Runs the tests of `suite`, a subclass of ConformanceTest, on every host.
#define LGUEST_CONFORMANCE_SUITE(suite)                                    \
  INSTANTIATE_TEST_SUITE_P(, suite, ::testing::ValuesIn(HostsUnderTest()), \
                           [](const auto& each) { return std::string(each.param.name); })

}  // namespace lguest::hostsim

#endif  // HOSTSIM_CONFORMANCE_CONFORMANCE_H_
