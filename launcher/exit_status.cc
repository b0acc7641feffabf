#include "launcher/exit_status.h"

#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

constexpr char kStagePayload[] = "lguest/stage";

struct Row {
  Stage stage;
  std::optional<absl::StatusCode> code;  // nullopt: any other
  ExitStatus status;
};

// The first row that fits counts.
constexpr Row kRows[] = {
    {Stage::kOptions, std::nullopt, ExitStatus::kUsage},
    {Stage::kHost, std::nullopt, ExitStatus::kNoHost},
    {Stage::kMemory, std::nullopt, ExitStatus::kNoHost},
    {Stage::kKernel, absl::StatusCode::kFailedPrecondition, ExitStatus::kUsage},
    {Stage::kKernel, absl::StatusCode::kNotFound, ExitStatus::kCannotOpen},
    {Stage::kKernel, absl::StatusCode::kPermissionDenied, ExitStatus::kCannotOpen},
    {Stage::kKernel, absl::StatusCode::kUnavailable, ExitStatus::kCannotOpen},
    {Stage::kKernel, std::nullopt, ExitStatus::kBadFile},
    {Stage::kRecording, absl::StatusCode::kDataLoss, ExitStatus::kBadFile},
    {Stage::kRecording, std::nullopt, ExitStatus::kCannotOpen},
    {Stage::kDevices, absl::StatusCode::kInvalidArgument, ExitStatus::kBadFile},
    {Stage::kDevices, absl::StatusCode::kOutOfRange, ExitStatus::kBadFile},
    {Stage::kDevices, std::nullopt, ExitStatus::kCannotOpen},
    {Stage::kStatsFile, std::nullopt, ExitStatus::kCannotOpen},
    {Stage::kRun, absl::StatusCode::kCancelled, ExitStatus::kAborted},
    {Stage::kRun, absl::StatusCode::kDataLoss, ExitStatus::kBadFile},
    {Stage::kRun, absl::StatusCode::kAborted, ExitStatus::kAborted},
    {Stage::kRun, absl::StatusCode::kResourceExhausted, ExitStatus::kNoHost},
    {Stage::kRun, std::nullopt, ExitStatus::kInternal},
};

absl::Cord Encode(Stage stage) { return absl::Cord(std::string(1, static_cast<char>(stage))); }

}  // namespace

absl::Status AtStage(Stage stage, absl::Status error) {
  if (!error.ok() && !error.GetPayload(kStagePayload).has_value()) {
    error.SetPayload(kStagePayload, Encode(stage));
  }
  return error;
}

ExitStatus ExitStatusOfError(const absl::Status& error) {
  const std::optional<absl::Cord> stage = error.GetPayload(kStagePayload);
  for (const Row& row : kRows) {
    const bool fits = !row.code.has_value() || *row.code == error.code();
    if (fits && stage == Encode(row.stage)) return row.status;
  }
  return ExitStatus::kInternal;
}

ExitStatus ExitStatusOfDeath(std::string_view reason) {
  if (reason == kRestartReason || reason == kRestartRequestReason) return ExitStatus::kRestarted;
  return reason == absl::StrCat("CRASH: ", kPowerOffReason) ? ExitStatus::kPoweredOff
                                                            : ExitStatus::kGuestDied;
}

}  // namespace lguest
