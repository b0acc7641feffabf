// The command line of the launcher.

#ifndef LAUNCHER_OPTIONS_H_
#define LAUNCHER_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/block/block_spec.h"
#include "devices/net/tun_spec.h"
#include "launcher/deterministic_options.h"
#include "launcher/sandbox/mode.h"

namespace lguest {

// The most that fits below a 32-bit launcher if guest memory starts at address 0, in megabytes. The
// same on every host, so that a command line works on each host.
inline constexpr uint32_t kMaxMemoryMegabytes = 0xb80;

// "64", "64m", "64M": megabytes. "1g", "1G": gigabytes. Returns bytes. InvalidArgument, with what
// is allowed, for anything else, for 0, and for more than kMaxMemoryMegabytes.
absl::StatusOr<uint32_t> ParseMemorySize(std::string_view text);

enum class HostChoice : uint8_t { kAuto, kDevice, kKvm, kSoftCpu };

// A network with the other guests that name the same file.
struct SharedNetSpec {
  std::string path;
};

// A device that was asked for.
struct DeviceOption {
  std::string text;  // the option as it was given, for messages: "--block=disk.img"
  std::variant<BlockSpec, TunSpec, SharedNetSpec> spec;
  std::optional<uint16_t> guest_id = std::nullopt;  // of `mac=`
};

struct Options {
  bool help = false;     // the rest is not filled in
  bool version = false;  // likewise
  bool verbose = false;
  bool once = false;  // a guest that requests a restart ends
  HostChoice host = HostChoice::kAuto;
  SandboxMode sandbox = SandboxMode::kOff;  // ParseOptions(): kDefaultSandboxMode
  std::vector<std::string> initrds;         // the guest gets them joined, in this order
  bool stats = false;                       // print statistics at the end
  std::string stats_file;  // for statistics as JSON; empty: print lines for the user
  std::optional<DeterministicOptions> deterministic;  // also set with record_file
  std::string record_file;                            // empty: the run is not recorded
  std::string replay_file;                            // empty: not a replay
  std::string gdb;                    // where gdb connects: see gdb::Connection; empty: it does not
  std::string script_file;            // empty: no script is written
  std::vector<DeviceOption> devices;  // the guest sees them in this order
  std::optional<uint16_t> guest_id;   // that `mac=` asks for
  std::vector<std::string> args;      // the whole command line
  uint32_t memory = 0;                // bytes; 0: that of the replay
  std::string kernel;
  std::string command_line;  // the words after the kernel, joined by blanks
};

// Parses and checks the whole command line, and touches nothing outside the process. `args` does
// not include the program's name. Options may stand anywhere before a `--`, also behind the kernel.
// The remaining words are MEM KERNEL [kernel arguments]; a replay needs none. InvalidArgument, with
// the wrong word, otherwise.
absl::StatusOr<Options> ParseOptions(std::span<const std::string> args);

// What --help prints.
std::string_view UsageText();

}  // namespace lguest

#endif  // LAUNCHER_OPTIONS_H_
