#include "launcher/virtual_machine.h"

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_format.h"
#include "devices/console/buffered_console_backend.h"
#include "devices/console/console.h"
#include "devices/console/console_backend.h"
#include "devices/console/raw_terminal.h"
#include "launcher/base/status_macros.h"
#include "launcher/device_factory.h"
#include "launcher/distinct_files.h"
#include "launcher/exit_status.h"
#include "launcher/run_loop.h"
#include "launcher/stats.h"

namespace lguest {
namespace {

SandboxNeeds NeedsOf(const Options& options, const HostPlan& plan) {
  SandboxNeeds needs = {.disks = false, .kvm = plan.uses_kvm, .socket_directories = {}};
  for (const DeviceOption& device : options.devices) {
    if (std::holds_alternative<BlockSpec>(device.spec)) needs.disks = true;
    if (const auto* const net = std::get_if<SharedNetSpec>(&device.spec)) {
      const std::string parent = std::filesystem::path(net->path).parent_path().string();
      needs.socket_directories.push_back(parent.empty() ? "." : parent);
    }
  }
  return needs;
}

}  // namespace

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
      std::vector<std::unique_ptr<Device>> devices,
      AtStage(Stage::kDevices, MakeDevices(options.devices, plan.packet_mover, machine->log_)));
  RETURN_IF_ERROR(AtStage(Stage::kStatsFile, machine->OpenStats()));
  if (plan.takes_guest_id) machine->ClaimGuestId();
  auto output =
      std::make_unique<FdConsoleBackend>(STDIN_FILENO, STDOUT_FILENO, machine->end_signal_->fd());
  // From here on no file is opened. No thread has been started yet.
  ASSIGN_OR_RETURN(machine->sandbox_,
                   AtStage(Stage::kHost, Sandbox::Enter(options.sandbox, NeedsOf(options, plan),
                                                        machine->verbose_)));
  ASSIGN_OR_RETURN(std::unique_ptr<ConsoleBackend> terminal,
                   AtStage(Stage::kHost, BufferedConsoleBackend::Create(std::move(output))));
  devices.push_back(std::make_unique<Console>(std::move(terminal), machine->log_));
  RETURN_IF_ERROR(AtStage(Stage::kHost, machine->MakeHost(plan)));
  RETURN_IF_ERROR(AtStage(Stage::kDevices, machine->AttachDevices(std::move(devices))));
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

absl::Status VirtualMachine::OpenStats() {
  if (!options_.stats) return absl::OkStatus();
  own_memory_.emplace();
  ASSIGN_OR_RETURN(stats_writer_, StatsWriter::Open(options_));
  return absl::OkStatus();
}

void VirtualMachine::ClaimGuestId() {
  guest_id_ = GuestId::Claim(options_.guest_id.value_or(PreferredGuestId(options_.args)));
}

absl::Status VirtualMachine::MakeHost(HostPlan& plan) {
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
  const InputEvents events = {.end_fd = end_signal_->fd(), .check_fd = terminal->continued_fd()};
  std::unique_ptr<InputPoller> poller;  // ends on this thread: the guest's may not end threads
  absl::StatusOr<std::string> death;
  const auto run = [&] { death = RunAsOwner(events, poller); };
  if (sandbox_ == nullptr) {
    run();
  } else {
    RETURN_IF_ERROR(AtStage(Stage::kRun, sandbox_->RunGuest(run)));
  }
  poller = nullptr;
  bus_->Finish();
  return death;
}

absl::StatusOr<std::string> VirtualMachine::RunAsOwner(const InputEvents& events,
                                                       std::unique_ptr<InputPoller>& poller) {
  RETURN_IF_ERROR(AtStage(Stage::kHost, InitializeHost()));
  ASSIGN_OR_RETURN(poller, AtStage(Stage::kRun, InputPoller::Start(host(), events)));
  if (sandbox_ != nullptr) RETURN_IF_ERROR(AtStage(Stage::kHost, sandbox_->Seal()));
  return AtStage(Stage::kRun, RunGuest(host(), *bus_, *poller, log_, verbose_));
}

void VirtualMachine::WriteStats() {
  if (options_.stats) stats_writer_.Write(CollectStats(), log_);
}

Stats VirtualMachine::CollectStats() const {
  Stats stats = {.kernel = options_.kernel,
                 .memory = options_.memory,
                 .host = host_machine_->description(),
                 .readings = meter_.has_value() ? meter_->readings() : MeteredHost::Readings(),
                 .devices = {},
                 .memory_beyond_guest =
                     own_memory_.has_value() ? own_memory_->OutsideGuest(*memory_) : std::nullopt};
  for (size_t i = 0; i < bus_->devices().size(); ++i) {
    stats.devices.push_back({bus_->devices()[i]->name(), bus_->traffic(i)});
  }
  return stats;
}

}  // namespace lguest
