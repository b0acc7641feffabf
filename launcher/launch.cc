#include "launcher/launch.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "devices/device_bus.h"
#include "devices/escape.h"
#include "devices/raw_terminal.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/hosts.h"
#include "launcher/make_devices.h"
#include "launcher/run_loop.h"
#include "loader/load_guest.h"

namespace lguest {
namespace {

// The exit status that fits an error while the machine is built.
ExitStatus StatusOfError(const absl::Status& error) {
  return absl::IsFailedPrecondition(error) ? ExitStatus::kUsage : ExitStatusOfFile(error);
}

// How the guest ended, told to the user.
ExitStatus Conclude(const absl::StatusOr<std::string>& death, const NoticeSink& notice) {
  if (absl::IsCancelled(death.status())) return ExitStatus::kAborted;
  if (!death.ok()) {
    notice(std::string(death.status().message()));
    return ExitStatus::kInternal;
  }
  if (*death == absl::StrFormat("CRASH: %s", kPowerOffReason)) return ExitStatus::kPoweredOff;
  notice(absl::StrFormat("guest died: %s", EscapeForTerminal(*death)));
  return ExitStatus::kGuestDied;
}

}  // namespace

ExitStatus Launch(const Options& options, const NoticeSink& notice, const NoticeSink& verbose) {
  const auto fail = [&](const absl::Status& error, ExitStatus status) {
    notice(std::string(error.message()));
    return status;
  };

  absl::StatusOr<HostPlan> plan = PlanHost(options.host);
  if (!plan.ok()) return fail(plan.status(), ExitStatus::kNoHost);

  absl::StatusOr<std::vector<std::unique_ptr<Device>>> devices =
      MakeDevices(options.devices, plan->packet_mover, notice);
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
  Host& host = (*machine)->host();
  if (verbose) {
    for (const std::string& note : loaded->notes) verbose(note);
    verbose("host: " + (*machine)->description());
  }

  const absl::StatusOr<std::unique_ptr<DeviceBus>> bus =
      DeviceBus::Create(**memory, host, GuestPhys(options.memory), *std::move(devices), notice);
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
  const absl::StatusOr<std::string> death = RunGuest(host, **bus, verbose);
  terminal->reset();
  return Conclude(death, notice);
}

}  // namespace lguest
