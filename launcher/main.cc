// lguest: runs an lguest guest kernel on whatever this machine has to run it on.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "launcher/exit_status.h"
#include "launcher/launch.h"
#include "launcher/options.h"

namespace {

constexpr char kVersion[] = "lguest 1.0\n";

void Say(const std::string& line) { std::fprintf(stderr, "lguest: %s\n", line.c_str()); }

// `bazel run` starts programs in a directory of its own; what the user types means the directory it
// was typed in.
void EnterUsersDirectory() {
  const char* const directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory != nullptr && chdir(directory) != 0) {
    Say(std::string("cannot enter ") + directory + ": relative paths mean the current directory");
  }
}

lguest::ExitStatus Main(const std::vector<std::string>& args) {
  using lguest::ExitStatus;

  const absl::StatusOr<lguest::Options> options = lguest::ParseOptions(args);
  if (!options.ok()) {
    Say(std::string(options.status().message()));
    return ExitStatus::kUsage;
  }
  if (options->help) {
    std::fputs(std::string(lguest::UsageText()).c_str(), stdout);
    return ExitStatus::kPoweredOff;
  }
  if (options->version) {
    std::fputs(kVersion, stdout);
    return ExitStatus::kPoweredOff;
  }
  EnterUsersDirectory();
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error like others
  return lguest::Launch(*options, Say, options->verbose ? lguest::LogSink(Say) : nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  return static_cast<int>(Main(std::vector<std::string>(argv + 1, argv + argc)));
}
