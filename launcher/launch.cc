#include "launcher/launch.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "devices/bus/device_bus.h"
#include "devices/console/raw_terminal.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/terminal_quote.h"
#include "launcher/device_factory.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host_factory.h"
#include "launcher/memory_usage.h"
#include "launcher/metered_host.h"
#include "launcher/run_loop.h"
#include "launcher/stats.h"
#include "loader/load_guest.h"

namespace lguest {
namespace {

// The exit status that fits an error while the machine is built.
ExitStatus StatusOfError(const absl::Status& error) {
  return absl::IsFailedPrecondition(error) ? ExitStatus::kUsage : ExitStatusOfFile(error);
}

// How the guest ended, told to the user.
ExitStatus Conclude(const absl::StatusOr<std::string>& death, const LogSink& log) {
  if (absl::IsCancelled(death.status())) return ExitStatus::kAborted;
  if (!death.ok()) {
    log(std::string(death.status().message()));
    return ExitStatus::kInternal;
  }
  if (*death == absl::StrFormat("CRASH: %s", kPowerOffReason)) return ExitStatus::kPoweredOff;
  log(absl::StrFormat("guest died: %s", QuoteForTerminal(*death)));
  return ExitStatus::kGuestDied;
}

// The file of --stats=FILE, opened before anything is started. None is open without one.
absl::StatusOr<std::ofstream> OpenStatsFile(const Options& options) {
  std::ofstream file;
  if (options.stats_file.empty()) return file;
  file.open(options.stats_file);
  if (file.is_open()) return file;
  return ErrnoStatusF("--stats=%s", options.stats_file);
}

void TellStats(const Stats& stats, std::ofstream& file, const LogSink& log) {
  if (file.is_open()) {
    file << StatsJson(stats) << std::flush;
    if (!file) log("the file of --stats cannot be written");
    return;
  }
  for (const std::string& line : StatsLines(stats)) log(line);
}

}  // namespace

ExitStatus Launch(const Options& options, const LogSink& log, const LogSink& verbose) {
  const auto fail = [&](const absl::Status& error, ExitStatus status) {
    log(std::string(error.message()));
    return status;
  };

  absl::StatusOr<std::ofstream> stats_file = OpenStatsFile(options);
  if (!stats_file.ok()) return fail(stats_file.status(), ExitStatus::kCannotOpen);

  absl::StatusOr<HostPlan> plan = PlanHost(options.host);
  if (!plan.ok()) return fail(plan.status(), ExitStatus::kNoHost);

  absl::StatusOr<std::vector<std::unique_ptr<Device>>> devices =
      MakeDevices(options.devices, plan->packet_mover, log);
  if (!devices.ok()) {
    return fail(devices.status(), absl::IsInvalidArgument(devices.status())
                                      ? ExitStatus::kBadFile
                                      : ExitStatus::kCannotOpen);
  }

  const uint32_t pages_above_ram = DeviceBus::PagesNeeded(*devices);
  const absl::StatusOr<std::unique_ptr<GuestMemory>> memory =
      GuestMemory::Create(options.memory + pages_above_ram * kPageSize, plan->placement);
  if (!memory.ok()) return fail(memory.status(), ExitStatus::kNoHost);

  loader::GuestImage image;
  image.kernel = options.kernel;
  image.command_line = options.command_line;
  if (!options.initrd.empty()) image.initrd = options.initrd;
  const absl::StatusOr<loader::LoadedGuest> loaded =
      loader::LoadGuest(**memory, options.memory, image);
  if (!loaded.ok()) return fail(loaded.status(), StatusOfError(loaded.status()));

  const absl::StatusOr<std::unique_ptr<HostMachine>> machine = std::move(plan->make)(**memory);
  if (!machine.ok()) return fail(machine.status(), ExitStatus::kNoHost);
  std::optional<MeteredHost> meter;
  if (options.stats) meter.emplace((*machine)->host());
  Host& host = meter.has_value() ? *meter : (*machine)->host();
  if (verbose) {
    for (const std::string& note : loaded->notes) verbose(note);
    verbose("host: " + (*machine)->description());
  }

  const absl::StatusOr<std::unique_ptr<DeviceBus>> bus =
      DeviceBus::Create(**memory, host, GuestPhys(options.memory), *std::move(devices), log);
  if (!bus.ok()) return fail(bus.status(), StatusOfError(bus.status()));

  const BootState boot = {.pfn_limit = (*memory)->size() / kPageSize,
                          .page_directory = loaded->page_directory,
                          .entry = loaded->entry,
                          .page_offset = loaded->page_offset};
  if (absl::Status started = host.Initialize(boot); !started.ok()) {
    return fail(started, ExitStatus::kNoHost);
  }

  absl::StatusOr<std::unique_ptr<RawTerminal>> terminal = RawTerminal::Create(STDIN_FILENO);
  if (!terminal.ok()) return fail(terminal.status(), ExitStatus::kInternal);
  const absl::StatusOr<std::string> death = RunGuest(host, **bus, log, verbose);
  (*bus)->Finish();
  terminal->reset();
  if (meter.has_value()) {
    Stats stats = {.kernel = options.kernel,
                   .memory = options.memory,
                   .host = (*machine)->description(),
                   .readings = meter->readings(),
                   .devices = {},
                   .memory_beyond_guest = PrivateMemoryOutsideGuest(**memory)};
    for (size_t i = 0; i < (*bus)->devices().size(); ++i) {
      stats.devices.push_back({(*bus)->devices()[i]->name(), (*bus)->traffic(i)});
    }
    TellStats(stats, *stats_file, log);
  }
  return Conclude(death, log);
}

}  // namespace lguest
