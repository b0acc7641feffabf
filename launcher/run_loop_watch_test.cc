// The run loop between a host whose exits, and a watch whose reports, are those of a test.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "devices/bus/bus.h"
#include "devices/bus/device.h"
#include "launcher/host/host.h"
#include "launcher/host/input_watch.h"
#include "launcher/run_loop.h"

namespace lguest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kFd = 7;

// Writes down what the run loop asks for. Each break-out reports device 0.
class FakeWatch final : public InputWatch {
 public:
  absl::Status Watch(size_t /*device*/, int fd) override { return Note("watch", fd); }
  void Ignore(size_t /*device*/, int fd) override { Note("ignore", fd).IgnoreError(); }
  void RetryLater(size_t /*device*/) override { calls.emplace_back("later"); }
  void MadeProgress() override { calls.emplace_back("progress"); }
  void RetryAfter(size_t /*device*/, Milliseconds delay) override {
    calls.push_back("after " + std::to_string(delay.count()));
  }
  DeviceSet TakeReady() override { return std::exchange(ready, 0); }
  absl::Status status() const override { return result; }

  DeviceSet ready = 0;
  absl::Status result;
  std::vector<std::string> calls;

 private:
  absl::Status Note(const char* what, int fd) {
    EXPECT_EQ(fd, kFd);
    calls.emplace_back(what);
    return absl::OkStatus();
  }
};

// A bus with one device, whose input is a list of results. After the last one there is none.
class FakeBus final : public Bus {
 public:
  size_t device_count() const override { return 1; }
  std::string device_name(size_t /*index*/) const override { return "input"; }
  int input_fd(size_t /*index*/) const override { return kFd; }
  absl::Status Dispatch(const DmaSent& /*sent*/) override { return absl::OkStatus(); }
  absl::Status Notify(const Notified& /*notified*/) override { return absl::OkStatus(); }
  absl::StatusOr<Device::Input> Receive(size_t /*index*/) override {
    ++receives;
    if (inputs.empty()) return Device::Input::kNone;
    const Device::Input next = inputs.front();
    inputs.pop_front();
    return next;
  }
  void Finish() override {}
  Traffic traffic(size_t /*index*/) const override { return {}; }
  std::vector<StatusChange> StatusChanges() override { return {}; }
  bool HasStatusChanges() const override { return false; }

  std::deque<Device::Input> inputs;
  int receives = 0;
};

// Runs a guest that exits as it is told, and then dies.
class ExitingHost final : public Host {
 public:
  explicit ExitingHost(FakeWatch& watch) : watch_(watch) {}

  absl::Status Initialize(const BootState& /*boot*/) override { return absl::OkStatus(); }
  absl::StatusOr<Exit> Run() override {
    if (exits.empty()) return Exit(Died{"the end"});
    const Exit next = exits.front();
    exits.pop_front();
    if (std::holds_alternative<BrokenOut>(next)) watch_.ready = 1;
    return next;
  }
  absl::StatusOr<BoundDma> GetDma(DmaKey /*key*/) override {
    return absl::NotFoundError("no dma buffer");
  }
  absl::Status RaiseInterrupt(uint32_t /*irq*/) override { return absl::OkStatus(); }
  absl::Status BreakOut() override { return absl::OkStatus(); }
  absl::Status Resume() override {
    ++resumes;
    return absl::OkStatus();
  }
  void RequestBreakOut() override {}

  std::deque<Exit> exits;
  int resumes = 0;

 private:
  FakeWatch& watch_;
};

class RunLoopWatchTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Run(std::deque<Exit> exits, std::deque<Device::Input> inputs) {
    host_.exits = std::move(exits);
    bus_.inputs = std::move(inputs);
    return RunGuest(host_, bus_, watch_, nullptr, nullptr);
  }

  FakeWatch watch_;
  ExitingHost host_{watch_};
  FakeBus bus_;
};

TEST_F(RunLoopWatchTest, DevicesAreWatchedFromTheStart) {
  EXPECT_EQ(Run({}, {}).value(), "the end");
  EXPECT_THAT(watch_.calls, ElementsAre("watch"));
  EXPECT_EQ(bus_.receives, 0);
}

TEST_F(RunLoopWatchTest, InputIsServedUntilThereIsNone) {
  EXPECT_TRUE(Run({BrokenOut()}, {Device::Input::kMore, Device::Input::kMore}).ok());
  EXPECT_EQ(bus_.receives, 3);
  EXPECT_THAT(watch_.calls, ElementsAre("watch", "progress", "watch"));
  EXPECT_EQ(host_.resumes, 1);
}

TEST_F(RunLoopWatchTest, LastInputNeedsNoFurtherLook) {
  EXPECT_TRUE(Run({BrokenOut()}, {Device::Input::kLast}).ok());
  EXPECT_EQ(bus_.receives, 1);
  EXPECT_THAT(watch_.calls, ElementsAre("watch", "progress", "watch"));
}

TEST_F(RunLoopWatchTest, OneTurnHas64Inputs) {
  EXPECT_TRUE(Run({BrokenOut()}, std::deque<Device::Input>(100, Device::Input::kMore)).ok());
  EXPECT_EQ(bus_.receives, 64);
  EXPECT_THAT(watch_.calls, ElementsAre("watch", "progress", "watch"));
}

TEST_F(RunLoopWatchTest, StalledInputIsTriedAgainOnceTheGuestNeedsTheLauncher) {
  for (const Exit& exit : {Exit(DmaSent()), Exit(Notified())}) {
    watch_.calls.clear();
    bus_.receives = 0;
    EXPECT_TRUE(Run({BrokenOut(), exit}, {Device::Input::kNoRoom, Device::Input::kMore}).ok());
    EXPECT_EQ(bus_.receives, 3);
    EXPECT_THAT(watch_.calls, ElementsAre("watch", "later", "ignore", "progress", "watch"));
  }
}

TEST_F(RunLoopWatchTest, DmaAloneIsNoReasonToLookForInput) {
  EXPECT_TRUE(Run({DmaSent(), Notified()}, {}).ok());
  EXPECT_EQ(bus_.receives, 0);
}

TEST_F(RunLoopWatchTest, HeldInputIsWatchedOn) {
  EXPECT_TRUE(Run({BrokenOut()}, {Device::Input::kHeld}).ok());
  EXPECT_THAT(watch_.calls, ElementsAre("watch", "later", "watch"));
}

TEST_F(RunLoopWatchTest, InputOfAnotherProgramIsLookedForLater_F10) {
  EXPECT_TRUE(Run({BrokenOut()}, {Device::Input::kNotNow}).ok());
  EXPECT_THAT(watch_.calls, ElementsAre("watch", "ignore", "after 200"));
}

TEST_F(RunLoopWatchTest, ClosedInputIsWatchedNoMore) {
  EXPECT_TRUE(Run({BrokenOut()}, {Device::Input::kClosed}).ok());
  EXPECT_THAT(watch_.calls, ElementsAre("watch", "ignore"));
}

TEST_F(RunLoopWatchTest, StatusOfTheWatchEndsTheRun) {
  watch_.result = absl::CancelledError("asked to end");
  EXPECT_TRUE(absl::IsCancelled(Run({BrokenOut()}, {}).status()));
  EXPECT_THAT(host_.exits, IsEmpty());
  EXPECT_EQ(bus_.receives, 0);
}

}  // namespace
}  // namespace lguest
