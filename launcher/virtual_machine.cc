#include "launcher/virtual_machine.h"

#include <unistd.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "devices/console/buffered_console_backend.h"
#include "devices/console/console_backend.h"
#include "devices/console/raw_terminal.h"
#include "launcher/base/status_macros.h"
#include "launcher/device_factory.h"
#include "launcher/distinct_files.h"
#include "launcher/exit_status.h"
#include "launcher/run_loop.h"
#include "launcher/stats.h"

namespace lguest {

VirtualMachine::VirtualMachine(const Options& options, LogSink log, LogSink verbose)
    : options_(options), log_(std::move(log)), verbose_(std::move(verbose)) {}

absl::StatusOr<std::unique_ptr<VirtualMachine>> VirtualMachine::Build(const Options& options,
                                                                      HostPlan plan, LogSink log,
                                                                      LogSink verbose) {
  // Not make_unique: the constructor is private.
  std::unique_ptr<VirtualMachine> machine(
      new VirtualMachine(options, std::move(log), std::move(verbose)));
  if (options.guest_id.has_value() && !plan.takes_guest_id) {
    return AtStage(Stage::kOptions,
                   absl::InvalidArgumentError("mac=: /dev/lguest gives each guest its MAC itself"));
  }
  RETURN_IF_ERROR(AtStage(Stage::kDevices, CheckDistinctFiles(options)));
  RETURN_IF_ERROR(AtStage(Stage::kMemory, machine->MakeMemory(plan.placement)));
  RETURN_IF_ERROR(AtStage(Stage::kKernel, machine->LoadKernel()));
  ASSIGN_OR_RETURN(machine->end_signal_, AtStage(Stage::kHost, EndSignal::Create()));
  ASSIGN_OR_RETURN(
      std::unique_ptr<ConsoleBackend> terminal,
      AtStage(Stage::kHost, BufferedConsoleBackend::Create(std::make_unique<FdConsoleBackend>(
                                STDIN_FILENO, STDOUT_FILENO, machine->end_signal_->fd()))));
  ASSIGN_OR_RETURN(std::vector<std::unique_ptr<Device>> devices,
                   AtStage(Stage::kDevices, MakeDevices(options.devices, plan.packet_mover,
                                                        std::move(terminal), machine->log_)));
  RETURN_IF_ERROR(AtStage(Stage::kHost, machine->MakeHost(plan)));
  RETURN_IF_ERROR(AtStage(Stage::kDevices, machine->AttachDevices(std::move(devices))));
  RETURN_IF_ERROR(AtStage(Stage::kHost, machine->InitializeHost()));
  return machine;
}

absl::Status VirtualMachine::MakeMemory(GuestMemory::Placement placement) {
  const uint32_t device_pages = DevicePages(options_.devices);
  ASSIGN_OR_RETURN(memory_,
                   GuestMemory::Create(options_.memory + device_pages * kPageSize, placement));
  return absl::OkStatus();
}

absl::Status VirtualMachine::LoadKernel() {
  loader::GuestImage image;
  image.kernel = options_.kernel;
  image.command_line = options_.command_line;
  image.initrds = options_.initrds;
  ASSIGN_OR_RETURN(guest_, loader::LoadGuest(*memory_, options_.memory, image));
  if (guest_.ram_size < options_.memory) {
    memory_->Shrink(guest_.ram_size + DevicePages(options_.devices) * kPageSize);
    log_(absl::StrFormat("%s has no support for high memory: the guest gets %u MB instead of %u",
                         options_.kernel, guest_.ram_size >> 20, options_.memory >> 20));
  }
  if (verbose_) {
    for (const std::string& note : guest_.notes) verbose_(note);
  }
  return absl::OkStatus();
}

absl::Status VirtualMachine::MakeHost(HostPlan& plan) {
  if (plan.takes_guest_id) {
    guest_id_ = GuestId::Claim(options_.guest_id.value_or(PreferredGuestId(options_.args)));
  }
  // A MAC that the user has chosen may be that of a guest on another network.
  ASSIGN_OR_RETURN(host_machine_,
                   std::move(plan.make)(*memory_, options_.guest_id.value_or(guest_id_.value())));
  if (options_.stats) meter_.emplace(host_machine_->host());
  if (verbose_) verbose_("host: " + host_machine_->description());
  return absl::OkStatus();
}

absl::Status VirtualMachine::AttachDevices(std::vector<std::unique_ptr<Device>> devices) {
  ASSIGN_OR_RETURN(bus_, DeviceBus::Create(*memory_, host(), GuestPhys(guest_.ram_size),
                                           std::move(devices), log_));
  return absl::OkStatus();
}

absl::Status VirtualMachine::InitializeHost() {
  return host().Initialize({.pfn_limit = memory_->size() / kPageSize,
                            .page_directory = guest_.page_directory,
                            .entry = guest_.entry,
                            .page_offset = guest_.page_offset});
}

absl::StatusOr<std::string> VirtualMachine::Run() {
  ASSIGN_OR_RETURN(const std::unique_ptr<RawTerminal> terminal,
                   AtStage(Stage::kRun, RawTerminal::Create(STDIN_FILENO)));
  end_signal_->Handle();
  absl::StatusOr<std::string> death = AtStage(
      Stage::kRun, RunGuest(host(), *bus_, log_, verbose_,
                            {.end_fd = end_signal_->fd(), .check_fd = terminal->continued_fd()}));
  bus_->Finish();
  return death;
}

Stats VirtualMachine::CollectStats() const {
  Stats stats = {.kernel = options_.kernel,
                 .memory = options_.memory,
                 .host = host_machine_->description(),
                 .readings = meter_.has_value() ? meter_->readings() : MeteredHost::Readings(),
                 .devices = {},
                 .memory_beyond_guest = PrivateMemoryOutsideGuest(*memory_)};
  for (size_t i = 0; i < bus_->devices().size(); ++i) {
    stats.devices.push_back({bus_->devices()[i]->name(), bus_->traffic(i)});
  }
  return stats;
}

}  // namespace lguest
