// The command line of the launcher.

#ifndef LAUNCHER_OPTIONS_H_
#define LAUNCHER_OPTIONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/block/block_spec.h"
#include "devices/net/tun_spec.h"

namespace lguest {

enum class HostChoice : uint8_t { kAuto, kDevice, kKvm, kSimulator };

// A network with the other guests that name the same file.
struct SharedNetSpec {
  std::string path;
};

// A device that was asked for.
struct DeviceOption {
  std::string text;  // the option as it was given, for messages: "--block=disk.img"
  std::variant<BlockSpec, TunSpec, SharedNetSpec> spec;
};

struct Options {
  bool help = false;     // the rest is not filled in
  bool version = false;  // likewise
  bool verbose = false;
  HostChoice host = HostChoice::kAuto;
  std::string initrd;      // empty: none
  bool stats = false;      // tell at the end what happened
  std::string stats_file;  // where to, as JSON; empty: to the user, in words
  std::vector<DeviceOption>
      devices;          // in the order of the command line: the guest sees them in that order
  uint32_t memory = 0;  // bytes
  std::string kernel;
  std::string command_line;  // the words after the kernel, joined by a blank each
};

// `args` without the program's name. Options may stand anywhere, behind the kernel too, up to a
// `--`; what is left is MEM KERNEL [kernel arguments]. InvalidArgument, naming the word that is
// wrong, otherwise.
absl::StatusOr<Options> ParseOptions(std::span<const std::string> args);

// What --help prints.
std::string_view UsageText();

}  // namespace lguest

#endif  // LAUNCHER_OPTIONS_H_
