#include "launcher/recording.h"

#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "launcher/base/status_macros.h"
#include "launcher/timetravel/hash.h"
#include "launcher/timetravel/log_file.h"

namespace lguest {
namespace {

using timetravel::LogHeader;
using timetravel::LogReader;
using timetravel::RecordedDevice;

// Boot parameters and command line are below.
constexpr uint32_t kImageStart = 0x100000;

RecordedDevice Recorded(const DeviceOption& device) {
  if (const auto* const disk = std::get_if<BlockSpec>(&device.spec)) {
    return {.kind = RecordedDevice::Kind::kDisk, .label = disk->path};
  }
  const std::string_view text = device.text;
  return {.kind = RecordedDevice::Kind::kNetwork,
          .label = std::string(text.substr(text.find('=') + 1))};
}

// The recorded devices, as options that nobody has given.
std::vector<DeviceOption> DevicesOf(const LogHeader& header) {
  std::vector<DeviceOption> devices;
  for (const RecordedDevice& device : header.devices) {
    DeviceOption& option = devices.emplace_back();
    option.text = device.label;
    if (device.kind == RecordedDevice::Kind::kDisk) {
      option.spec = BlockSpec{.path = device.label};
    } else {
      option.spec = TunExistingTap{.name = device.label};
    }
  }
  return devices;
}

absl::Status Differs(const Options& options, std::string_view field, std::string_view ours,
                     std::string_view recorded) {
  return absl::DataLossError(absl::StrFormat("--replay=%s: the %s is %s, and %s in the recording",
                                             options.replay_file, field, ours, recorded));
}

std::string Megabytes(uint32_t bytes) { return absl::StrFormat("%u MB", bytes >> 20); }

}  // namespace

ImageHashes HashImages(const GuestMemory& memory, const loader::LoadedGuest& guest) {
  timetravel::Hash kernel;
  const std::byte* const base = memory.base();
  const uint32_t initrd = guest.initrd_size == 0 ? guest.ram_size : guest.initrd.value();
  const uint32_t initrd_end = initrd + guest.initrd_size;
  if (initrd > kImageStart) kernel.Add(base + kImageStart, initrd - kImageStart);
  if (initrd_end < guest.ram_size) kernel.Add(base + initrd_end, guest.ram_size - initrd_end);
  ImageHashes hashes = {.kernel = absl::StrFormat("%016x", kernel.value()), .initrd = ""};
  if (guest.initrd_size != 0) {
    hashes.initrd = absl::StrFormat("%016x", timetravel::HashOf(base + initrd, guest.initrd_size));
  }
  return hashes;
}

LogHeader RecordingHeader(const Options& options, const ImageHashes& hashes, uint16_t guest_id) {
  const DeterministicOptions time = options.deterministic.value_or(DeterministicOptions());
  LogHeader header = {.nanos_per_instruction = static_cast<uint64_t>(time.nanos_per_instruction),
                      .start = time.start,
                      .guest_id = guest_id,
                      .memory = options.memory,
                      .kernel = options.kernel,
                      .kernel_hash = hashes.kernel,
                      .initrds = options.initrds,
                      .initrd_hash = hashes.initrd,
                      .command_line = options.command_line,
                      .devices = {}};
  for (const DeviceOption& device : options.devices) header.devices.push_back(Recorded(device));
  return header;
}

absl::StatusOr<std::unique_ptr<LogReader>> OpenReplay(Options& options) {
  const std::string name = absl::StrCat("--replay=", options.replay_file);
  absl::StatusOr<std::unique_ptr<timetravel::DiskLogFile>> file =
      timetravel::DiskLogFile::Open(options.replay_file);
  if (!file.ok()) {
    return absl::Status(file.status().code(), absl::StrCat("--replay=", file.status().message()));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<LogReader> reader, LogReader::Open(*std::move(file), name));
  const LogHeader& header = reader->header();
  if (header.memory == 0 || header.memory % kPageSize != 0 ||
      header.memory > uint64_t{kMaxMemoryMegabytes} << 20) {
    return absl::DataLossError(absl::StrFormat(
        "%s: the memory of the recorded guest has %u bytes; 1 to %u MB are possible", name,
        header.memory, kMaxMemoryMegabytes));
  }
  if (options.kernel.empty()) {
    options.memory = header.memory;
    options.kernel = header.kernel;
    options.command_line = header.command_line;
    if (options.initrds.empty()) options.initrds = header.initrds;
  }
  if (options.memory != header.memory) {
    return Differs(options, "memory", Megabytes(options.memory), Megabytes(header.memory));
  }
  if (options.command_line != header.command_line) {
    return Differs(options, "kernel command line", absl::StrCat("'", options.command_line, "'"),
                   absl::StrCat("'", header.command_line, "'"));
  }
  options.devices = DevicesOf(header);
  options.guest_id = header.guest_id;
  options.deterministic = {
      .nanos_per_instruction = static_cast<int64_t>(header.nanos_per_instruction),
      .start = header.start};
  return reader;
}

absl::Status CheckImages(const Options& options, const LogHeader& header,
                         const ImageHashes& hashes) {
  const auto quoted = [](std::string_view hash) {
    return hash.empty() ? std::string("none") : absl::StrCat("one with hash ", hash);
  };
  if (hashes.initrd != header.initrd_hash) {
    return Differs(options, "initrd", quoted(hashes.initrd), quoted(header.initrd_hash));
  }
  if (hashes.kernel != header.kernel_hash) {
    return Differs(options, absl::StrCat("kernel ", options.kernel), quoted(hashes.kernel),
                   quoted(header.kernel_hash));
  }
  return absl::OkStatus();
}

}  // namespace lguest
