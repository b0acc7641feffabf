#include "loader/command_line.h"

#include "absl/strings/str_format.h"

namespace lguest::loader {

absl::Status CheckCommandLine(std::string_view command_line) {
  if (command_line.size() >= kCommandLineSize) {
    return absl::FailedPreconditionError(
        absl::StrFormat("kernel command line of %u bytes: the guest reads at most %u",
                        command_line.size(), kCommandLineSize - 1));
  }
  if (const size_t nul = command_line.find('\0'); nul != std::string_view::npos) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "kernel command line of %u bytes: byte %u is a NUL", command_line.size(), nul));
  }
  return absl::OkStatus();
}

}  // namespace lguest::loader
