#include "launcher/virtual_machine.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/console/buffered_console_backend.h"
#include "devices/console/console.h"
#include "devices/console/console_backend.h"
#include "devices/console/raw_terminal.h"
#include "launcher/base/status_macros.h"
#include "launcher/distinct_files.h"
#include "launcher/exit_status.h"
#include "launcher/process.h"
#include "launcher/recording.h"
#include "launcher/run_loop.h"
#include "launcher/stats.h"
#include "launcher/timetravel/log_entry.h"
#include "launcher/timetravel/log_file.h"

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

VirtualMachine::VirtualMachine(Options options, LogSink log, LogSink verbose)
    : options_(std::move(options)), log_(std::move(log)), verbose_(std::move(verbose)) {}

absl::StatusOr<std::unique_ptr<VirtualMachine>> VirtualMachine::Build(Options options,
                                                                      HostPlan plan, LogSink log,
                                                                      LogSink verbose) {
  // Not make_unique: the constructor is private.
  std::unique_ptr<VirtualMachine> machine(
      new VirtualMachine(std::move(options), std::move(log), std::move(verbose)));
  RETURN_IF_ERROR(machine->BuildStages(plan));
  return machine;
}

absl::Status VirtualMachine::BuildStages(HostPlan& plan) {
  if (options_.guest_id.has_value() && !plan.takes_guest_id) {
    return AtStage(Stage::kOptions,
                   absl::InvalidArgumentError("mac=: /dev/lguest gives each guest its MAC itself"));
  }
  RETURN_IF_ERROR(AtStage(Stage::kRecording, OpenRecording()));
  RETURN_IF_ERROR(AtStage(Stage::kDevices, CheckDistinctFiles(options_)));
  RETURN_IF_ERROR(AtStage(Stage::kMemory, MakeMemory(plan.placement)));
  RETURN_IF_ERROR(AtStage(Stage::kKernel, LoadKernel()));
  RETURN_IF_ERROR(AtStage(Stage::kHost, ChooseHost(plan)));
  ASSIGN_OR_RETURN(end_signal_, AtStage(Stage::kHost, EndSignal::Create()));
  if (plan.takes_guest_id) ClaimGuestId();
  RETURN_IF_ERROR(AtStage(Stage::kRecording, MakeRun()));
  ASSIGN_OR_RETURN(
      GuestDevices devices,
      AtStage(Stage::kDevices, GuestDevices::Make(options_.devices, *guest_.abi, plan.packet_mover,
                                                  guest_id(), run_.get(), log_)));
  RETURN_IF_ERROR(AtStage(Stage::kStatsFile, OpenStats()));
  RETURN_IF_ERROR(AtStage(Stage::kStatsFile, OpenScript()));
  RETURN_IF_ERROR(AtStage(Stage::kRecording, OpenGdb()));
  auto output = std::make_unique<FdConsoleBackend>(STDIN_FILENO, STDOUT_FILENO, end_signal_->fd());
  using Writer = BufferedConsoleBackend::Writer;
  const Writer writer = run_ != nullptr     ? Writer::kCaller
                        : HasOneProcessor() ? Writer::kThreadAndLines
                                            : Writer::kThread;
  // From here on no file is opened. No thread has been started yet.
  ASSIGN_OR_RETURN(
      sandbox_,
      AtStage(Stage::kHost, Sandbox::Enter(options_.sandbox, NeedsOf(options_, plan), verbose_)));
  ASSIGN_OR_RETURN(std::unique_ptr<Console> console,
                   AtStage(Stage::kHost, MakeConsole(std::move(output), writer)));
  RETURN_IF_ERROR(AtStage(Stage::kHost, MakeHost(plan)));
  return AtStage(Stage::kDevices, AttachDevices(std::move(devices), std::move(console)));
}

absl::Status VirtualMachine::OpenRecording() {
  if (options_.replay_file.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(replay_, OpenReplay(options_));
  return absl::OkStatus();
}

absl::Status VirtualMachine::MakeMemory(GuestMemory::Placement placement) {
  // The kernel, which is loaded into this memory, says how many pages it needs.
  const uint32_t device_pages = MostDevicePages(options_.devices);
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
  memory_->Shrink(guest_.ram_size + DevicePages(options_.devices, *guest_.abi) * kPageSize);
  if (guest_.abi->is_virtio() && !options_.once) {
    ASSIGN_OR_RETURN(boot_image_, BootImage::Copy(*memory_, guest_.contents));
  }
  if (guest_.ram_size < options_.memory) {
    log_(absl::StrFormat("%s has no support for high memory: the guest gets %u MB instead of %u",
                         options_.kernel, guest_.ram_size >> 20, options_.memory >> 20));
  }
  if (verbose_) {
    for (const std::string& note : guest_.notes) verbose_(note);
  }
  return absl::OkStatus();
}

absl::Status VirtualMachine::MakeRun() {
  if (!options_.deterministic.has_value()) return absl::OkStatus();
  if (replay_ != nullptr) {
    RETURN_IF_ERROR(CheckImages(options_, replay_->header(), HashImages(*memory_, guest_)));
    run_ = std::make_unique<timetravel::DeterministicRun>(*replay_);
  } else if (!options_.record_file.empty() || !options_.gdb.empty()) {
    const timetravel::LogHeader header =
        RecordingHeader(options_, HashImages(*memory_, guest_), guest_id());
    ASSIGN_OR_RETURN(std::unique_ptr<timetravel::LogFile> file,
                     options_.record_file.empty()
                         ? timetravel::DiskLogFile::CreateTemporary()
                         : timetravel::DiskLogFile::Create(options_.record_file));
    run_ = std::make_unique<timetravel::DeterministicRun>(std::move(file), header);
  } else {
    run_ = std::make_unique<timetravel::DeterministicRun>();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Console>> VirtualMachine::MakeConsole(
    std::unique_ptr<ConsoleBackend> output, BufferedConsoleBackend::Writer writer) {
  ASSIGN_OR_RETURN(std::unique_ptr<BufferedConsoleBackend> screen,
                   BufferedConsoleBackend::Create(std::move(output), writer));
  if (run_ == nullptr) return std::make_unique<Console>(std::move(screen), log_);
  screen_ = screen.get();
  return std::make_unique<Console>(run_->WrapConsole(std::move(screen)), log_,
                                   [this] { return run_->Now(); });
}

absl::Status VirtualMachine::ChooseHost(HostPlan& plan) const {
  if (!guest_.abi->is_virtio() || plan.serves_all_generations) return absl::OkStatus();
  if (plan.for_other_generations != nullptr) {
    plan = HostPlan(std::move(*plan.for_other_generations));
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat(
      options_.kernel,
      " is a guest of a Linux after 2.6.23, which this host cannot run: --host=sim can"));
}

absl::Status VirtualMachine::OpenStats() {
  if (!options_.stats) return absl::OkStatus();
  own_memory_.emplace();
  ASSIGN_OR_RETURN(stats_writer_, StatsWriter::Open(options_));
  return absl::OkStatus();
}

void VirtualMachine::ClaimGuestId() {
  const bool has_network = std::any_of(
      options_.devices.begin(), options_.devices.end(),
      [](const DeviceOption& device) { return !std::holds_alternative<BlockSpec>(device.spec); });
  // A deterministic run without a network, or a replay, must not depend on who else runs.
  if (options_.deterministic.has_value() && (replay_ != nullptr || !has_network)) return;
  guest_id_ = GuestId::Claim(options_.guest_id.value_or(PreferredGuestId(options_.args)));
}

absl::Status VirtualMachine::MakeHost(HostPlan& plan) {
  ASSIGN_OR_RETURN(
      host_machine_,
      std::move(plan.make)(*memory_,
                           {.guest_id = guest_id(),
                            .time = options_.deterministic.value_or(DeterministicOptions())}));
  if (options_.stats) meter_.emplace(host_machine_->host());
  if (script_file_.valid()) {
    script_.emplace(host(), *memory_, guest_.ram_size, std::move(script_file_));
  }
  if (verbose_) verbose_("host: " + host_machine_->description());
  return absl::OkStatus();
}

Host& VirtualMachine::host() {
  if (script_.has_value()) return *script_;
  if (meter_.has_value()) return *meter_;
  return host_machine_->host();
}

absl::Status VirtualMachine::OpenGdb() {
  if (options_.gdb.empty()) return absl::OkStatus();
  // Checkpoints are forks, which the sandbox does not allow.
  options_.sandbox = SandboxMode::kOff;
  ASSIGN_OR_RETURN(gdb_, gdb::Connection::Open(options_.gdb));
  return absl::OkStatus();
}

absl::Status VirtualMachine::OpenScript() {
  const std::string& name = options_.script_file;
  if (name.empty()) return absl::OkStatus();
  script_file_ =
      UniqueFd(open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666));
  return script_file_.valid() ? absl::OkStatus() : ErrnoStatus("--script=", name);
}

absl::Status VirtualMachine::AttachDevices(GuestDevices devices, std::unique_ptr<Console> console) {
  ASSIGN_OR_RETURN(bus_, std::move(devices).Connect(*memory_, host(), guest_.ram_size,
                                                    std::move(console), log_));
  return absl::OkStatus();
}

BootState VirtualMachine::boot() const {
  return {.pfn_limit = memory_->size() / kPageSize,
          .page_directory = guest_.page_directory,
          .entry = guest_.entry,
          .page_offset = guest_.page_offset,
          .abi = guest_.abi,
          .io = bus_->io()};
}

absl::Status VirtualMachine::Restart() {
  if (!boot_image_.has_value()) return absl::InternalError("no image to restart from");
  RETURN_IF_ERROR(boot_image_->Restore(*memory_));
  RETURN_IF_ERROR(bus_->Restart());
  return host().Restart(boot());
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
  RETURN_IF_ERROR(AtStage(Stage::kHost, host().Initialize(boot())));
  ASSIGN_OR_RETURN(InputWatch* const watch, AtStage(Stage::kRun, StartWatch(events, poller)));
  if (sandbox_ != nullptr) RETURN_IF_ERROR(AtStage(Stage::kHost, sandbox_->Seal()));
  if (gdb_ != nullptr) {
    debugger_ = std::make_unique<gdb::Debugger>(std::move(gdb_), *run_, *host_machine_->counted(),
                                                *memory_, log_);
    RETURN_IF_ERROR(AtStage(Stage::kRun, debugger_->Start(events.end_fd)));
  }
  const Restarter restart =
      boot_image_.has_value() ? Restarter([this] { return Restart(); }) : nullptr;
  absl::StatusOr<std::string> death = RunGuest(host(), *bus_, *watch, log_, verbose_, restart);
  if (debugger_ != nullptr) {
    screen_->WriteOut();
    debugger_->OnDeath(death.ok() ? *death : std::string(death.status().message()));
  }
  if (script_.has_value() && !script_->status().ok()) {
    log_(std::string(script_->status().message()));
  }
  if (run_ != nullptr) death = run_->Finish(std::move(death), *memory_, log_);
  return AtStage(Stage::kRun, std::move(death));
}

DeviceSet VirtualMachine::LiveDevices() const {
  DeviceSet live = 0;
  for (size_t i = 0; i < bus_->device_count(); ++i) {
    const int fd = bus_->input_fd(i);
    if (fd < 0) continue;
    if (fd != STDIN_FILENO || isatty(STDIN_FILENO) != 0) live |= OnlyDevice(i);
  }
  return live;
}

absl::StatusOr<InputWatch*> VirtualMachine::StartWatch(const InputEvents& events,
                                                       std::unique_ptr<InputPoller>& poller) {
  if (run_ != nullptr) {
    return &run_->Start(host(), *host_machine_->counted(), events, LiveDevices(),
                        [this] { screen_->WriteOut(); });
  }
  ASSIGN_OR_RETURN(poller, InputPoller::Start(host(), events));
  return poller.get();
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
                 .fingerprint = {},
                 .memory_beyond_guest =
                     own_memory_.has_value() ? own_memory_->OutsideGuest(*memory_) : std::nullopt};
  if (run_ != nullptr && run_->fingerprint() != nullptr) {
    stats.fingerprint = run_->fingerprint()->Items();
  }
  for (size_t i = 0; i < bus_->device_count(); ++i) {
    stats.devices.push_back({bus_->device_name(i), bus_->traffic(i)});
  }
  return stats;
}

}  // namespace lguest
