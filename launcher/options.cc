#include "launcher/options.h"

#include <charconv>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "launcher/base/status_macros.h"
#include "launcher/gdb/connection.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

constexpr uint32_t kMegabyteShift = 20;
constexpr uint64_t kMegabytesPerGigabyte = 1024;

absl::Status BadSize(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrFormat("memory size '%s': %s; give megabytes (64, 64m) or gigabytes (1g), 1m to %um",
                      text, why, kMaxMemoryMegabytes));
}

// The guest id of a MAC of a 2.6.23 guest: "02:00:XX:XX:00:00" (ABI.md §4.21).
std::optional<uint16_t> ParseGuestMac(std::string_view text) {
  static constexpr std::string_view kForm = "02:00:XX:XX:00:00";
  if (text.size() != kForm.size()) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] == 'X' ? !absl::ascii_isxdigit(static_cast<unsigned char>(text[i]))
                        : text[i] != kForm[i]) {
      return std::nullopt;
    }
  }
  const auto byte = [&](size_t at) {
    uint16_t value = 0;
    std::from_chars(text.data() + at, text.data() + at + 2, value, 16);
    return value;
  };
  return static_cast<uint16_t>(byte(6) | byte(9) << 8);
}

// Separates options from other words, like getopt_long(), but without global state and with our own
// error messages.
class Parser {
 public:
  explicit Parser(std::span<const std::string> args) : args_(args) {
    options_.args.assign(args.begin(), args.end());
    options_.sandbox = kDefaultSandboxMode;
  }

  absl::StatusOr<Options> Parse() {
    while (!args_.empty() && !options_.help && !options_.version) {
      const std::string_view word = Next();
      if (word == "--") {
        words_.insert(words_.end(), args_.begin(), args_.end());
        break;
      }
      absl::Status status;
      if (word.starts_with("--")) {
        status = ParseLong(word.substr(2));
      } else if (word.size() > 1 && word.starts_with('-')) {
        status = ParseShort(word);
      } else {
        words_.emplace_back(word);
      }
      if (!status.ok()) return status;
    }
    if (options_.help || options_.version) return std::move(options_);
    RETURN_IF_ERROR(CheckDevices());
    RETURN_IF_ERROR(CheckDeterministic());
    RETURN_IF_ERROR(ParseWords());
    return std::move(options_);
  }

 private:
  std::string_view Next() {
    const std::string_view word = args_.front();
    args_ = args_.subspan(1);
    return word;
  }

  absl::Status ParseLong(std::string_view option) {
    const size_t sign = option.find('=');
    const std::string_view name = option.substr(0, sign);
    std::optional<std::string_view> value;
    if (sign != std::string_view::npos) value = option.substr(sign + 1);

    if (name == "help" || name == "version" || name == "verbose" || name == "once") {
      if (value.has_value()) {
        return absl::InvalidArgumentError(absl::StrFormat("option --%s takes no value", name));
      }
      (name == "help"      ? options_.help
       : name == "version" ? options_.version
       : name == "once"    ? options_.once
                           : options_.verbose) = true;
      return absl::OkStatus();
    }
    if (name == "stats") {
      RETURN_IF_ERROR(CheckGivenOnce(name));
      return SetStats(value);
    }
    if (name == "deterministic") {
      RETURN_IF_ERROR(CheckGivenOnce(name));
      return SetDeterministic(value);
    }
    if (!TakesValue(name)) return UnknownOption(absl::StrFormat("--%s", name));
    if (!value.has_value() && !args_.empty()) value = Next();
    if (!value.has_value() || value->empty()) {
      return absl::InvalidArgumentError(absl::StrFormat("option --%s needs a value", name));
    }
    return SetValue(name, *value);
  }

  // For an option whose second value would silently replace the first.
  absl::Status CheckGivenOnce(std::string_view name) {
    if (given_.insert(std::string(name)).second) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrFormat("option --%s is given twice", name));
  }

  absl::Status SetStats(std::optional<std::string_view> file) {
    if (file.has_value() && file->empty()) {
      return absl::InvalidArgumentError("--stats=: --stats alone, or --stats=FILE, is needed");
    }
    options_.stats = true;
    options_.stats_file = file.value_or("");
    return absl::OkStatus();
  }

  absl::Status SetDeterministic(std::optional<std::string_view> value) {
    if (!value.has_value()) {
      options_.deterministic.emplace();
      return absl::OkStatus();
    }
    absl::StatusOr<DeterministicOptions> parsed = ParseDeterministicOptions(*value);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("--deterministic=%s: %s", *value, parsed.status().message()));
    }
    options_.deterministic = *parsed;
    return absl::OkStatus();
  }

  static bool TakesValue(std::string_view name) {
    return name == "block" || name == "tunnet" || name == "sharenet" || name == "initrd" ||
           name == "host" || name == "sandbox" || name == "record" || name == "replay" ||
           name == "script" || name == "gdb";
  }

  absl::Status SetValue(std::string_view name, std::string_view value) {
    if (name == "host") {
      RETURN_IF_ERROR(CheckGivenOnce(name));
      return SetHost(value);
    }
    if (name == "sandbox") {
      RETURN_IF_ERROR(CheckGivenOnce(name));
      return SetSandbox(value);
    }
    if (name == "record" || name == "replay" || name == "script") {
      RETURN_IF_ERROR(CheckGivenOnce(name));
      (name == "record"   ? options_.record_file
       : name == "replay" ? options_.replay_file
                          : options_.script_file) = value;
      return absl::OkStatus();
    }
    if (name == "gdb") {
      RETURN_IF_ERROR(CheckGivenOnce(name));
      if (absl::Status checked = gdb::Connection::Check(value); !checked.ok()) {
        return absl::InvalidArgumentError(
            absl::StrFormat("--gdb=%s: %s", value, checked.message()));
      }
      options_.gdb = value;
      return absl::OkStatus();
    }
    if (name == "initrd") {
      options_.initrds.emplace_back(value);
      return absl::OkStatus();
    }
    if (name == "block") return AddDevice(name, value, ParseBlockSpec(value));
    return AddNetwork(name, value);
  }

  // A value that may end in `,mac=MAC`.
  absl::Status AddNetwork(std::string_view name, std::string_view value) {
    constexpr std::string_view kMac = ",mac=";
    const size_t mac = value.rfind(kMac);
    const std::string_view network = value.substr(0, mac);
    if (name == "tunnet") {
      RETURN_IF_ERROR(AddDevice(name, value, ParseTunSpec(network)));
    } else if (network.empty()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("--%s=%s: the file name is empty", name, value));
    } else {
      RETURN_IF_ERROR(AddDevice<SharedNetSpec>(name, value, SharedNetSpec{std::string(network)}));
    }
    if (mac == std::string_view::npos) return absl::OkStatus();
    DeviceOption& device = options_.devices.back();
    device.guest_id = ParseGuestMac(value.substr(mac + kMac.size()));
    if (device.guest_id.has_value()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: a guest of Linux 2.6.23 chooses two bytes of its MAC: 02:00:XX:XX:00:00",
        device.text));
  }

  template <typename Spec>
  absl::Status AddDevice(std::string_view name, std::string_view value, absl::StatusOr<Spec> spec) {
    std::string text = absl::StrFormat("--%s=%s", name, value);
    if (!spec.ok()) {
      return absl::InvalidArgumentError(absl::StrFormat("%s: %s", text, spec.status().message()));
    }
    options_.devices.push_back({std::move(text), *std::move(spec)});
    return absl::OkStatus();
  }

  // What can be wrong with all devices together.
  absl::Status CheckDevices() {
    constexpr size_t kMost = kMaxDevices - 1;  // the console is one, too
    if (options_.devices.size() > kMost) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%u devices are given (--block, --tunnet, --sharenet): a guest has room "
                          "for %u besides its console",
                          options_.devices.size(), kMost));
    }
    RETURN_IF_ERROR(CheckMacs());
    std::set<int> descriptors;
    for (const DeviceOption& device : options_.devices) {
      const auto* const tun = std::get_if<TunSpec>(&device.spec);
      const auto* const descriptor = tun == nullptr ? nullptr : std::get_if<TunDescriptor>(tun);
      if (descriptor != nullptr && !descriptors.insert(descriptor->fd).second) {
        return absl::InvalidArgumentError(
            absl::StrFormat("%s is given twice: each network needs a tap of its own", device.text));
      }
    }
    return absl::OkStatus();
  }

  // All networks of a guest have the same MAC.
  absl::Status CheckMacs() {
    const DeviceOption* first = nullptr;
    for (const DeviceOption& device : options_.devices) {
      if (!device.guest_id.has_value()) continue;
      if (first == nullptr) first = &device;
      if (device.guest_id == first->guest_id) continue;
      return absl::InvalidArgumentError(
          absl::StrFormat("%s and %s: a guest of Linux 2.6.23 has one MAC for all its networks",
                          first->text, device.text));
    }
    if (first != nullptr) options_.guest_id = first->guest_id;
    return absl::OkStatus();
  }

  // What cannot be part of a deterministic run.
  absl::Status CheckDeterministic() {
    const bool replays = !options_.replay_file.empty();
    const std::string_view option = !options_.gdb.empty()           ? "--gdb"
                                    : replays                       ? "--replay"
                                    : !options_.record_file.empty() ? "--record"
                                                                    : "--deterministic";
    if (replays && (!options_.record_file.empty() || options_.deterministic.has_value())) {
      return absl::InvalidArgumentError(
          "--replay repeats a run: --record and --deterministic are for the first one");
    }
    const bool records = !options_.record_file.empty() || (!options_.gdb.empty() && !replays);
    if (records && !options_.deterministic.has_value()) {
      options_.deterministic.emplace();
    }
    if (!replays && !options_.deterministic.has_value()) return absl::OkStatus();
    if (options_.host == HostChoice::kKvm || options_.host == HostChoice::kDevice) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s needs the software CPU (--host=sim): no other host counts instructions exactly",
          option));
    }
    for (const DeviceOption& device : options_.devices) {
      if (replays) {
        return absl::InvalidArgumentError(
            absl::StrFormat("%s: a replay has the devices of its recording", device.text));
      }
      if (std::holds_alternative<SharedNetSpec>(device.spec)) {
        return absl::InvalidArgumentError(
            absl::StrFormat("%s: other launchers write to its memory at any time, which %s cannot "
                            "repeat; --tunnet can be repeated",
                            device.text, option));
      }
    }
    return absl::OkStatus();
  }

  absl::Status SetHost(std::string_view value) {
    static constexpr std::pair<std::string_view, HostChoice> kChoices[] = {
        {"auto", HostChoice::kAuto},
        {"device", HostChoice::kDevice},
        {"kvm", HostChoice::kKvm},
        {"sim", HostChoice::kSoftCpu}};
    for (const auto& [name, choice] : kChoices) {
      if (value == name) {
        options_.host = choice;
        return absl::OkStatus();
      }
    }
    return absl::InvalidArgumentError(
        absl::StrFormat("--host=%s: not a host; the hosts are auto, device, kvm and sim", value));
  }

  absl::Status SetSandbox(std::string_view value) {
    static constexpr std::pair<std::string_view, SandboxMode> kModes[] = {
        {"on", SandboxMode::kOn}, {"log", SandboxMode::kLog}, {"off", SandboxMode::kOff}};
    for (const auto& [name, mode] : kModes) {
      if (value == name) {
        options_.sandbox = mode;
        return absl::OkStatus();
      }
    }
    return absl::InvalidArgumentError(
        absl::StrFormat("--sandbox=%s: on, log or off is needed", value));
  }

  absl::Status ParseShort(std::string_view word) {
    for (const char letter : word.substr(1)) {
      if (letter != 'v' && letter != 'h') return UnknownOption(word);
      (letter == 'h' ? options_.help : options_.verbose) = true;
    }
    return absl::OkStatus();
  }

  static absl::Status UnknownOption(std::string_view option) {
    return absl::InvalidArgumentError(
        absl::StrFormat("unknown option %s (put -- before kernel arguments that begin with a dash; "
                        "--help lists the "
                        "options)",
                        option));
  }

  absl::Status ParseWords() {
    if (words_.empty() && !options_.replay_file.empty()) return absl::OkStatus();
    if (words_.size() < 2) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s missing: lguest [OPTION]... MEM KERNEL [KERNEL ARGUMENT]... (see --help)",
          words_.empty() ? "memory size and kernel" : "kernel"));
    }
    ASSIGN_OR_RETURN(uint32_t memory, ParseMemorySize(words_[0]));
    options_.memory = memory;
    options_.kernel = words_[1];
    options_.command_line = absl::StrJoin(words_.begin() + 2, words_.end(), " ");
    return absl::OkStatus();
  }

  std::span<const std::string> args_;
  std::vector<std::string> words_;
  std::set<std::string> given_;  // options that may be given once
  Options options_;
};

}  // namespace

absl::StatusOr<Options> ParseOptions(std::span<const std::string> args) {
  return Parser(args).Parse();
}

absl::StatusOr<uint32_t> ParseMemorySize(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range) return BadSize(text, "too much");
  if (error != std::errc()) return BadSize(text, "not a number");

  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  const bool is_gigabytes = unit == "g" || unit == "G";
  if (!is_gigabytes && !unit.empty() && unit != "m" && unit != "M") {
    return BadSize(text, absl::StrFormat("'%s' is no unit", unit));
  }
  if (number == 0) return BadSize(text, "a guest needs some");
  if (number > kMaxMemoryMegabytes) return BadSize(text, "too much");
  if (is_gigabytes) number *= kMegabytesPerGigabyte;
  if (number > kMaxMemoryMegabytes) return BadSize(text, "too much");
  return static_cast<uint32_t>(number << kMegabyteShift);
}

}  // namespace lguest
