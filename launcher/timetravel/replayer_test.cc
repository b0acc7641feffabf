#include "launcher/timetravel/replayer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "devices/testing/fake_host.h"
#include "hostsim/testing/fake_counted_runs.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/timetravel/fingerprint.h"
#include "launcher/timetravel/log_file.h"
#include "launcher/timetravel/log_reader.h"
#include "launcher/timetravel/log_writer.h"

namespace lguest::timetravel {
namespace {

using hostsim::Nanos;
using ::testing::HasSubstr;

constexpr char kDiffers[] = "the replay differs from the recording at instruction ";

class ReplayerTest : public testing::Test {
 protected:
  enum class Log : uint8_t { kComplete, kCutOff };

  void Replay(const std::vector<LogEntry>& entries, Log log = Log::kComplete) {
    auto file = std::make_unique<MemoryLogFile>();
    MemoryLogFile& bytes = *file;
    LogWriter writer(std::move(file), LogHeader());
    for (const LogEntry& entry : entries) writer.Append(entry);
    writer.Flush();
    if (log == Log::kComplete) writer.WriteEnd({});
    auto copy = std::make_unique<MemoryLogFile>();
    ASSERT_TRUE(copy->Append(bytes.bytes()).ok());
    reader_ = LogReader::Open(std::move(copy), "file").value();
    replayer_ = std::make_unique<Replayer>(*reader_);
    replayer_->Start(host_, stops_, clock_, cpu_);
  }

  // Runs the guest for `instructions`, or until it is broken out.
  void Run(uint64_t instructions) {
    const uint64_t end = runs_.count() + instructions;
    host_.break_outs_requested = 0;
    while (runs_.Run(end - runs_.count())) {
      stops_.Handle();
      if (host_.break_outs_requested != 0 || runs_.count() == end) return;
    }
  }

  void Halt(std::optional<Nanos> deadline) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable wakeup;
    clock_.Wait(lock, wakeup, deadline);
  }

  Outcome Perform(uint32_t device) {
    return replayer_->Perform(
        device,
        [] {
          ADD_FAILURE() << "a replay performs nothing";
          return Outcome();
        },
        Outcome{.value = 99});
  }

  FakeHost host_;
  hostsim::FakeCountedRuns runs_;
  hostsim::CountStops stops_{runs_};
  hostsim::VirtualClock clock_{stops_, {.nanos_per_instruction = 2}};
  const std::unique_ptr<GuestMemory> memory_ = GuestMemory::Create(1u << 20).value();
  hostsim::ScriptedVcpu cpu_{*memory_, hostsim::Script()};
  std::unique_ptr<LogReader> reader_;
  std::unique_ptr<Replayer> replayer_;
};

TEST_F(ReplayerTest, InputComesAtItsCount) {
  Replay({ReadyEvent{.moment = {.count = 500, .sleeps = 0}, .devices = 4},
          ReadyEvent{.moment = {.count = 900, .sleeps = 0}, .devices = 1}});
  Run(1000);
  EXPECT_EQ(runs_.count(), 500u);
  EXPECT_EQ(replayer_->TakeReady(), 4u);
  EXPECT_EQ(replayer_->TakeReady(), 0u);
  Run(1000);
  EXPECT_EQ(runs_.count(), 900u);
  EXPECT_EQ(replayer_->TakeReady(), 1u);
  Run(1000);
  EXPECT_EQ(runs_.count(), 1900u);
  EXPECT_TRUE(replayer_->status().ok());
}

TEST_F(ReplayerTest, InputOfAHaltedGuestComesAfterTheRecordedTime) {
  Replay({ReadyEvent{.moment = {.count = 10, .sleeps = 2}, .passed = 70, .devices = 4}});
  runs_.Run(10);  // the last instruction halts the guest, so the stop is not reached yet
  Halt(120);      // the first sleep ends with the timer
  EXPECT_EQ(clock_.Now(), 120);
  EXPECT_EQ(replayer_->TakeReady(), 0u);
  Halt(1120);
  EXPECT_EQ(clock_.Now(), 190);
  EXPECT_EQ(replayer_->TakeReady(), 4u);
  EXPECT_EQ(host_.break_outs_requested, 1);
}

TEST_F(ReplayerTest, InputAtOneMomentTwice) {
  Replay({ReadyEvent{.moment = {.count = 10, .sleeps = 1}, .devices = 4},
          ReadyEvent{.moment = {.count = 10, .sleeps = 1}, .devices = 2}});
  runs_.Run(10);
  Halt(120);
  EXPECT_EQ(replayer_->TakeReady(), 4u);
  Run(10);
  EXPECT_EQ(runs_.count(), 10u);
  EXPECT_EQ(replayer_->TakeReady(), 2u);
  EXPECT_TRUE(replayer_->status().ok());
}

TEST_F(ReplayerTest, OperationsHaveTheirRecordedOrUsualResult) {
  Replay({OutcomeEntry{.count = 0, .operation = 1, .device = 5, .outcome = {.value = 1}},
          OutcomeEntry{.count = 30, .operation = 2, .device = 6, .outcome = {.value = 2}}});
  EXPECT_EQ(Perform(5).value, 99u);
  EXPECT_EQ(Perform(5).value, 1u);
  Run(30);
  EXPECT_EQ(Perform(6).value, 2u);
  EXPECT_EQ(Perform(6).value, 99u);
  Run(100);
  EXPECT_EQ(runs_.count(), 130u);
  EXPECT_TRUE(replayer_->status().ok());
}

TEST_F(ReplayerTest, OperationThatIsMissingIsADifference) {
  Replay({OutcomeEntry{.count = 30, .operation = 0, .device = 6, .outcome = {.value = 2}}});
  Run(100);
  EXPECT_EQ(runs_.count(), 31u);
  EXPECT_EQ(replayer_->status().message(),
            std::string(kDiffers) + "31: a device is not used as in the recording");
}

TEST_F(ReplayerTest, OperationAtAnotherCountIsADifference) {
  Replay({OutcomeEntry{.count = 30, .operation = 0, .device = 6, .outcome = {.value = 2}}});
  Run(20);
  EXPECT_EQ(Perform(6).value, 99u);
  EXPECT_EQ(replayer_->status().message(),
            std::string(kDiffers) + "20: a device is used, and in the recording at instruction 30");
}

TEST_F(ReplayerTest, SleepThatIsMissingIsADifference) {
  Replay({ReadyEvent{.moment = {.count = 10, .sleeps = 1}, .devices = 4}});
  Run(100);
  EXPECT_EQ(runs_.count(), 10u);
  EXPECT_EQ(replayer_->status().message(),
            std::string(kDiffers) + "10: the guest has not waited as often as in the recording");
}

TEST_F(ReplayerTest, OtherRegistersAreADifference) {
  const uint64_t registers = HashOfRegisters(cpu_);
  Replay({MarkEntry{.count = 40, .registers = registers},
          MarkEntry{.count = 80, .registers = registers}});
  Run(60);
  EXPECT_EQ(runs_.count(), 60u);
  EXPECT_TRUE(replayer_->status().ok());
  cpu_.Set(hostsim::Register::kEax, 1);
  Run(60);
  EXPECT_EQ(replayer_->status().message(),
            std::string(kDiffers) + "80: the registers; at instruction 40 they were the same");
}

TEST_F(ReplayerTest, WaitForEverIsADifference) {
  Replay({});
  Halt(std::nullopt);
  EXPECT_THAT(replayer_->status().message(), HasSubstr("the guest waits for ever"));
  EXPECT_EQ(host_.break_outs_requested, 1);
}

TEST_F(ReplayerTest, RequestToEndIsReplayed) {
  Replay({ReadyEvent{.moment = {.count = 10, .sleeps = 0}, .ends = true}});
  Run(100);
  EXPECT_EQ(runs_.count(), 10u);
  EXPECT_TRUE(absl::IsAborted(replayer_->status()));
}

TEST_F(ReplayerTest, RecordingOfAKilledLauncherEndsAtItsLastEntry) {
  Replay({MarkEntry{.count = 40, .registers = HashOfRegisters(cpu_)}}, Log::kCutOff);
  Run(100);
  EXPECT_EQ(runs_.count(), 40u);
  EXPECT_TRUE(absl::IsAborted(replayer_->status()));
  EXPECT_THAT(replayer_->status().message(), HasSubstr("ends here, at instruction 40"));
}

TEST_F(ReplayerTest, HaltAfterTheLastEntryOfAKilledLauncherEnds) {
  Replay({}, Log::kCutOff);
  Halt(std::nullopt);
  EXPECT_TRUE(absl::IsAborted(replayer_->status()));
}

TEST_F(ReplayerTest, PassedTimeOfAHostileRecordingIsLimitedByTheTimer) {
  Replay({ReadyEvent{.moment = {.count = 0, .sleeps = 1}, .passed = Nanos{1} << 61, .devices = 4}});
  Halt(100);
  EXPECT_EQ(clock_.Now(), 100);
}

}  // namespace
}  // namespace lguest::timetravel
