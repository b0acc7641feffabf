#include "launcher/run_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "devices/bus/device_bus.h"
#include "devices/console/console.h"
#include "devices/console/console_backend.h"
#include "hostsim/testing/scripted_machine.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

using ::lguest::hostsim::Script;
using ::lguest::hostsim::ScriptedMachine;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The last page of a ScriptedMachine holds the device descriptors.
constexpr GuestPhys kRamEnd(15 * kPageSize);
constexpr uint32_t kConsoleIrq = 1;
constexpr uint32_t kDma = 0x5000;
constexpr uint32_t kBuffer = 0x6000;

// A pipe. The destructor closes both ends.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(ends_.data()), 0); }
  ~Pipe() {
    close(ends_[0]);
    CloseWriter();
  }

  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void CloseWriter() {
    if (ends_[1] >= 0) close(std::exchange(ends_[1], -1));
  }
  void Write(std::string_view text) const {
    EXPECT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string ReadAll() {
    CloseWriter();
    std::string all(65536, '\0');
    const ssize_t len = read(ends_[0], all.data(), all.size());
    all.resize(len < 0 ? 0 : static_cast<size_t>(len));
    return all;
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
};

// Runs a scripted guest with a console. Two pipes are the keyboard and the screen.
class RunLoopTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Run(const Script& script) {
    machine_ = std::make_unique<ScriptedMachine>(script);
    std::vector<std::unique_ptr<Device>> devices = std::move(extra_);
    devices.push_back(std::make_unique<Console>(
        std::make_unique<FdConsoleBackend>(keyboard_.reader(), screen_.writer())));
    const LogSink log = [this](const std::string& line) { log_ += line + "\n"; };
    const LogSink verbose = [this](const std::string& line) { verbose_ += line + "\n"; };
    const std::unique_ptr<DeviceBus> bus =
        DeviceBus::Create(machine_->memory(), machine_->host(), kRamEnd, std::move(devices), log)
            .value();
    EXPECT_TRUE(machine_->host().Initialize(machine_->boot()).ok());
    absl::StatusOr<std::string> death = RunGuest(machine_->host(), *bus, log, verbose);
    EXPECT_THAT(machine_->cpu().failures(), IsEmpty());
    return death;
  }

  Pipe keyboard_;
  Pipe screen_;
  std::string log_;
  std::string verbose_;
  std::unique_ptr<ScriptedMachine> machine_;
  std::vector<std::unique_ptr<Device>> extra_;  // They precede the console in the device table.
};

TEST_F(RunLoopTest, DeathReasonIsReturned) {
  EXPECT_EQ(Run(Script().Init().Crash("Power down")).value(), "CRASH: Power down");
}

TEST_F(RunLoopTest, ConsoleOutputKeepsItsOrder) {
  EXPECT_EQ(Run(Script()
                    .Init()
                    .Put(kBuffer, "one two")
                    .Dma(kDma, {{kBuffer, 4}})
                    .Send(DmaKey(0), GuestPhys(kDma))
                    .Expect32(kDma, 4)
                    .Dma(kDma, {{kBuffer + 4, 3}})
                    .Ring(Hypercall::kSendDma, 0, kDma)
                    .Crash("x"))
                .value(),
            "CRASH: x");
  EXPECT_EQ(screen_.ReadAll(), "one two");
}

TEST_F(RunLoopTest, ConsoleInputRaisesAnInterrupt) {
  keyboard_.Write("ls\r");
  EXPECT_EQ(Run(Script()
                    .Init()
                    .Dma(kDma, {{kBuffer, 256}})
                    .Bind(DmaKey(0), GuestPhys(kDma), 1, kConsoleIrq)
                    .Wait(kConsoleIrq)
                    .Expect(kBuffer, "ls\r")
                    .Expect32(kDma, 3)
                    .Crash("x"))
                .value(),
            "CRASH: x");
}

TEST_F(RunLoopTest, InputIsHeldUntilABufferIsBound_B44) {
  keyboard_.Write("early");
  Script script;
  script.Init().Put(kBuffer, "boot").Dma(kDma, {{kBuffer, 4}});
  for (int i = 0; i < 100; ++i) script.Send(DmaKey(0), GuestPhys(kDma)).Put32(kDma, 0);
  script.Dma(kDma, {{kBuffer, 256}})
      .Bind(DmaKey(0), GuestPhys(kDma), 1, kConsoleIrq)
      .Wait(kConsoleIrq)
      .Expect(kBuffer, "early")
      .Crash("x");
  EXPECT_EQ(Run(script).value(), "CRASH: x");
}

TEST_F(RunLoopTest, LongInputTakesSeveralBuffers) {
  keyboard_.Write("abcdefgh");
  EXPECT_EQ(Run(Script()
                    .Init()
                    .Dma(kDma, {{kBuffer, 5}})
                    .Bind(DmaKey(0), GuestPhys(kDma), 1, kConsoleIrq)
                    .Wait(kConsoleIrq)
                    .Expect(kBuffer, "abcde")
                    .Put32(kDma, 0)
                    .Wait(kConsoleIrq)
                    .Expect(kBuffer, "fghde")
                    .Crash("x"))
                .value(),
            "CRASH: x");
}

TEST_F(RunLoopTest, EndOfInputDoesNotEndTheGuest_B45) {
  keyboard_.CloseWriter();
  EXPECT_EQ(Run(Script()
                    .Init()
                    .Dma(kDma, {{kBuffer, 5}})
                    .Bind(DmaKey(0), GuestPhys(kDma), 1, kConsoleIrq)
                    .Call(Hypercall::kSetClockevent, 1000)
                    .Wait(kTimerIrq)
                    .Crash("still here"))
                .value(),
            "CRASH: still here");
}

TEST_F(RunLoopTest, AbortKeyCancelsTheRun_B43) {
  keyboard_.Write("\x03\x03\x03");
  EXPECT_TRUE(absl::IsCancelled(Run(Script().Init().Wait(31)).status()));
}

TEST_F(RunLoopTest, UnmatchedKeyIsLoggedOnce_B08) {
  Script script;
  script.Init().Dma(kDma, {{kBuffer, 4}});
  for (int i = 0; i < 10; ++i) script.Send(DmaKey(0x7000), GuestPhys(kDma));
  EXPECT_EQ(Run(script.Crash("x")).value(), "CRASH: x");
  EXPECT_THAT(log_, HasSubstr("0x7000"));
  EXPECT_EQ(log_.find('\n'), log_.size() - 1) << log_;
}

TEST_F(RunLoopTest, BadDmaEndsOnlyTheGuest_B03) {
  EXPECT_THAT(Run(Script().Init().Send(DmaKey(0), GuestPhys(0xfffffff0))).value(),
              HasSubstr("0xfffffff0"));
  EXPECT_THAT(
      Run(Script().Init().Dma(kDma, {{0xffff0000, 16}}).Send(DmaKey(0), GuestPhys(kDma))).value(),
      HasSubstr("0xffff0000"));
}

// A network device that always has another packet.
class FloodingNet final : public Device {
 public:
  explicit FloodingNet(int fd) : fd_(fd) {}
  std::string name() const override { return "flood"; }
  DeviceType type() const override { return DeviceType::kNet; }
  absl::Status Attach(GuestMemory& /*memory*/, const DevicePlace& /*place*/) override {
    return absl::OkStatus();
  }
  std::vector<DmaKey> output_keys() const override { return {DmaKey(0x7000)}; }
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey /*key*/, const DmaChain& /*chain*/,
                                               DmaPort& /*port*/) override {
    EXPECT_EQ(received_ % 64, 0) << "packets, in turns of 64";
    return 0;
  }
  int input_fd() const override { return fd_; }
  absl::StatusOr<Input> Receive(DmaPort& port) override {
    if (received_++ == 0) RETURN_IF_ERROR(port.RaiseInterrupt(kIrq));
    return Input::kMore;
  }

  static constexpr uint32_t kIrq = 3;  // raised with the first packet

 private:
  const int fd_;
  int received_ = 0;
};

TEST_F(RunLoopTest, InputFloodDoesNotStarveTheGuest_B54) {
  Pipe packets;
  packets.Write("x");
  extra_.push_back(std::make_unique<FloodingNet>(packets.reader()));
  Script script;
  script.Init().Dma(kDma, {{kBuffer, 4}}).Wait(FloodingNet::kIrq);
  for (int i = 0; i < 100; ++i) script.Send(DmaKey(0x7000), GuestPhys(kDma));
  EXPECT_EQ(Run(script.Crash("not starved")).value(), "CRASH: not starved");
}

// The host kills the guest when the console requests a buffer. The console's own request then fails
// with an error that must not replace the host's reason.
TEST_F(RunLoopTest, HostsDeathReasonIsReported_B07) {
  keyboard_.Write("x");
  EXPECT_EQ(
      Run(Script().Init().Bind(DmaKey(0), GuestPhys(0xfffff000), 1, kConsoleIrq).Wait(kConsoleIrq))
          .value(),
      "bad read address 0xfffff000 len 100");
}

TEST_F(RunLoopTest, DeviceStatusChangeIsLoggedVerbosely) {
  const uint32_t status = kRamEnd.value() + offsetof(DeviceDescriptor, status);
  EXPECT_EQ(Run(Script()
                    .Init()
                    .Put(status, std::string_view("\x01\x00", 2))
                    .Send(DmaKey(0), GuestPhys(kDma))
                    .Crash("x"))
                .value(),
            "CRASH: x");
  EXPECT_THAT(verbose_, HasSubstr("console: acknowledged"));
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(RunLoopTest, FailedDeviceIsLoggedOnce) {
  const uint32_t status = kRamEnd.value() + offsetof(DeviceDescriptor, status);
  EXPECT_EQ(Run(Script()
                    .Init()
                    .Put(status, std::string_view("\x80\x00", 2))
                    .Send(DmaKey(0), GuestPhys(kDma))
                    .Send(DmaKey(0), GuestPhys(kDma))
                    .Crash("x"))
                .value(),
            "CRASH: x");
  EXPECT_EQ(log_, "console: failed (reported by the guest)\n");
}

}  // namespace
}  // namespace lguest
