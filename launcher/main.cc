// lguest: runs an lguest guest kernel on whatever this machine has to run it on.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/terminal_quote.h"
#include "launcher/base/vector_io.h"
#include "launcher/end_signal.h"
#include "launcher/exit_status.h"
#include "launcher/host_factory.h"
#include "launcher/options.h"
#include "launcher/process.h"
#include "launcher/virtual_machine.h"

namespace lguest {
namespace {

constexpr char kVersion[] = "lguest 1.0\n";

// The user gets a message in one piece also if other programs write to the same terminal.
void PrintMessage(const std::string& line) {
  const std::string text = absl::StrCat("lguest: ", EscapeControls(line), "\n");
  static_cast<void>(WriteBytes(STDERR_FILENO, text.data(), text.size()));
}

// `bazel run` starts this program in the directory PROGRAM.runfiles/WORKSPACE, where nobody else
// starts it. Relative paths on the command line mean the directory that the user typed them in.
void LeaveRunfiles() {
  namespace fs = std::filesystem;
  const char* const directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory == nullptr) return;
  std::error_code error;
  const fs::path runfiles = fs::read_symlink("/proc/self/exe", error).string() + ".runfiles";
  if (error || fs::current_path(error).parent_path() != runfiles) return;
  if (chdir(directory) != 0) {
    PrintMessage(
        absl::StrCat("cannot enter ", directory, ": relative paths mean the current directory"));
  }
}

// Tells the user how the guest, or the attempt to run it, ended.
ExitStatus ReportEnd(const absl::StatusOr<std::string>& death) {
  const ExitStatus status =
      death.ok() ? ExitStatusOfDeath(*death) : ExitStatusOfError(death.status());
  if (absl::IsCancelled(death.status())) {
    // The guest's last line may be unfinished, and the shell's prompt comes next.
    if (isatty(STDERR_FILENO) != 0) static_cast<void>(WriteBytes(STDERR_FILENO, "\n", 1));
  } else if (!death.ok()) {
    PrintMessage(std::string(death.status().message()));
  } else if (status == ExitStatus::kRestarted) {
    PrintMessage("the guest asked for a restart, which ends it");
  } else if (status == ExitStatus::kGuestDied) {
    // The real host ends one of its reasons with a line feed.
    PrintMessage(absl::StrCat("guest died: ", QuoteForTerminal(absl::StripSuffix(*death, "\n"))));
  }
  return status;
}

// Runs the guest of `options`. Reports its end at once, before the machine is taken down.
absl::StatusOr<ExitStatus> RunGuestOf(const Options& options) {
  if (options.memory > MostMemory()) {
    return AtStage(Stage::kOptions, absl::InvalidArgumentError(absl::StrFormat(
                                        "memory size %u MB: this launcher can give a guest at most "
                                        "%u MB",
                                        options.memory >> 20, MostMemory() >> 20)));
  }
  ASSIGN_OR_RETURN(HostPlan plan,
                   AtStage(Stage::kHost, PlanHost(options.host, options.deterministic.has_value() ||
                                                                    !options.replay_file.empty())));
  ASSIGN_OR_RETURN(const std::unique_ptr<VirtualMachine> machine,
                   VirtualMachine::Build(options, std::move(plan), PrintMessage,
                                         options.verbose ? LogSink(PrintMessage) : nullptr));
  const absl::StatusOr<std::string> death = machine->Run();
  machine->WriteStats();
  return ReportEnd(death);
}

ExitStatus Main(const std::vector<std::string>& args) {
  const absl::StatusOr<Options> options = ParseOptions(args);
  if (!options.ok()) {
    PrintMessage(std::string(options.status().message()));
    return ExitStatus::kUsage;
  }
  if (options->help) {
    std::fputs(std::string(UsageText()).c_str(), stdout);
    return ExitStatus::kPoweredOff;
  }
  if (options->version) {
    std::fputs(kVersion, stdout);
    return ExitStatus::kPoweredOff;
  }
  LeaveRunfiles();
  MakeWriteErrorsHarmless();
  const absl::StatusOr<ExitStatus> status = RunGuestOf(*options);
  const ExitStatus exit_status = status.ok() ? *status : ReportEnd(status.status());
  EndSignal::Raise();
  return exit_status;
}

}  // namespace
}  // namespace lguest

int main(int argc, char** argv) {
  lguest::FillStandardDescriptors();
  return static_cast<int>(lguest::Main(std::vector<std::string>(argv + 1, argv + argc)));
}
