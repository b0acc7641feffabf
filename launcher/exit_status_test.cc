#include "launcher/exit_status.h"

#include <gtest/gtest.h>

#include <string>

#include "launcher/guest/abi.h"

namespace lguest {
namespace {

TEST(ExitStatusTest, RequestForARestartIsARestart) {
  EXPECT_EQ(ExitStatusOfDeath(kRestartRequestReason), ExitStatus::kRestarted);
}

ExitStatus StatusAt(Stage stage, absl::StatusCode code) {
  return ExitStatusOfError(AtStage(stage, absl::Status(code, "why")));
}

TEST(ExitStatusTest, StageDeterminesTheStatus) {
  using enum absl::StatusCode;
  EXPECT_EQ(StatusAt(Stage::kOptions, kInvalidArgument), ExitStatus::kUsage);
  EXPECT_EQ(StatusAt(Stage::kHost, kUnavailable), ExitStatus::kNoHost);
  EXPECT_EQ(StatusAt(Stage::kMemory, kResourceExhausted), ExitStatus::kNoHost);
  EXPECT_EQ(StatusAt(Stage::kStatsFile, kPermissionDenied), ExitStatus::kCannotOpen);
  EXPECT_EQ(StatusAt(Stage::kRun, kInternal), ExitStatus::kInternal);
  EXPECT_EQ(StatusAt(Stage::kRun, kResourceExhausted), ExitStatus::kNoHost);
}

TEST(ExitStatusTest, MissingAndInvalidKernelDiffer) {
  using enum absl::StatusCode;
  EXPECT_EQ(StatusAt(Stage::kKernel, kNotFound), ExitStatus::kCannotOpen);
  EXPECT_EQ(StatusAt(Stage::kKernel, kPermissionDenied), ExitStatus::kCannotOpen);
  EXPECT_EQ(StatusAt(Stage::kKernel, kUnavailable), ExitStatus::kCannotOpen);
  EXPECT_EQ(StatusAt(Stage::kKernel, kInvalidArgument), ExitStatus::kBadFile);
  EXPECT_EQ(StatusAt(Stage::kKernel, kOutOfRange), ExitStatus::kBadFile);
  EXPECT_EQ(StatusAt(Stage::kKernel, kFailedPrecondition), ExitStatus::kUsage);
}

TEST(ExitStatusTest, UnavailableAndInvalidDeviceDiffer) {
  using enum absl::StatusCode;
  EXPECT_EQ(StatusAt(Stage::kDevices, kInvalidArgument), ExitStatus::kBadFile);
  EXPECT_EQ(StatusAt(Stage::kDevices, kOutOfRange), ExitStatus::kBadFile);
  EXPECT_EQ(StatusAt(Stage::kDevices, kFailedPrecondition), ExitStatus::kCannotOpen);
}

TEST(ExitStatusTest, CancelledRunIsAborted) {
  EXPECT_EQ(StatusAt(Stage::kRun, absl::StatusCode::kCancelled), ExitStatus::kAborted);
}

TEST(ExitStatusTest, FirstStageIsKept) {
  const absl::Status error = AtStage(Stage::kKernel, absl::NotFoundError("why"));
  EXPECT_EQ(ExitStatusOfError(AtStage(Stage::kHost, error)), ExitStatus::kCannotOpen);
  EXPECT_EQ(error.message(), "why");
  EXPECT_TRUE(AtStage(Stage::kHost, absl::OkStatus()).ok());
}

TEST(ExitStatusTest, ErrorWithoutStageIsInternal) {
  EXPECT_EQ(ExitStatusOfError(absl::NotFoundError("why")), ExitStatus::kInternal);
}

TEST(ExitStatusTest, RestartHasAStatusOfItsOwn_F21) {
  EXPECT_EQ(ExitStatusOfDeath("restart by the keyboard controller"), ExitStatus::kRestarted);
}

TEST(ExitStatusTest, OnlyPowerOffIsSuccess) {
  EXPECT_EQ(ExitStatusOfDeath("CRASH: Power down"), ExitStatus::kPoweredOff);
  EXPECT_EQ(ExitStatusOfDeath("CRASH: Power down "), ExitStatus::kGuestDied);
  EXPECT_EQ(ExitStatusOfDeath("Power down"), ExitStatus::kGuestDied);
}

}  // namespace
}  // namespace lguest
