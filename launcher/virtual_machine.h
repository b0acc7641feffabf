// One guest and all that it runs on.

#ifndef LAUNCHER_VIRTUAL_MACHINE_H_
#define LAUNCHER_VIRTUAL_MACHINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/bus.h"
#include "devices/console/buffered_console_backend.h"
#include "devices/console/console.h"
#include "devices/console/console_backend.h"
#include "launcher/base/log.h"
#include "launcher/base/unique_fd.h"
#include "launcher/boot_image.h"
#include "launcher/end_signal.h"
#include "launcher/gdb/connection.h"
#include "launcher/gdb/debugger.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/guest_devices.h"
#include "launcher/guest_id.h"
#include "launcher/host/host.h"
#include "launcher/host/input_watch.h"
#include "launcher/host_factory.h"
#include "launcher/input_poller.h"
#include "launcher/metered_host.h"
#include "launcher/options.h"
#include "launcher/sandbox/sandbox.h"
#include "launcher/script_recorder.h"
#include "launcher/stats.h"
#include "launcher/timetravel/deterministic_run.h"
#include "launcher/timetravel/log_reader.h"
#include "loader/load_guest.h"

namespace lguest {

// Memory, kernel, devices, sandbox, host and bus, built in this order: what only reads files comes
// before what changes anything outside the process (disks that are locked, taps that are made), and
// all files are opened before the sandbox is entered and threads are started.
//
//   ASSIGN_OR_RETURN(HostPlan plan, PlanHost(options.host));
//   ASSIGN_OR_RETURN(auto machine,
//                    VirtualMachine::Build(options, std::move(plan), log, verbose));
//   const absl::StatusOr<std::string> death = machine->Run();
//
//   machine->WriteStats();
//
// All methods are called on the main thread. It owns the host; with a sandbox, the sandbox's thread
// of the guest does.
class VirtualMachine {
 public:
  // `log` gets what the user must know; `verbose`, which may be
  // null, gets what is done. An error carries its Stage (see exit_status.h).
  static absl::StatusOr<std::unique_ptr<VirtualMachine>> Build(Options options, HostPlan plan,
                                                               LogSink log, LogSink verbose);

  // Runs the guest to its end, with its console on standard input and output. Returns the reason of
  // its death. Cancelled: the user gave up with three ^C, or a signal has arrived (see EndSignal).
  // Any other error is a fault of the launcher. Once.
  absl::StatusOr<std::string> Run();

  // What the guest did, after Run(). Needs Options::stats.
  Stats CollectStats() const;

  // Writes them where --stats asks for them, if it does.
  void WriteStats();

 private:
  VirtualMachine(Options options, LogSink log, LogSink verbose);

  // The stages of Build().
  absl::Status BuildStages(HostPlan& plan);
  absl::Status OpenRecording();
  absl::Status MakeMemory(GuestMemory::Placement placement);
  absl::Status ChooseHost(HostPlan& plan) const;
  absl::Status LoadKernel();
  void ClaimGuestId();
  absl::Status MakeRun();
  absl::Status OpenStats();
  absl::Status OpenScript();
  absl::Status OpenGdb();
  absl::StatusOr<std::unique_ptr<Console>> MakeConsole(std::unique_ptr<ConsoleBackend> output,
                                                       BufferedConsoleBackend::Writer writer);
  absl::Status MakeHost(HostPlan& plan);
  absl::Status AttachDevices(GuestDevices devices, std::unique_ptr<Console> console);

  // Makes this thread the owner of the host, and runs the guest on it. May set `poller`, which is
  // to be destroyed on the main thread.
  absl::StatusOr<std::string> RunAsOwner(const InputEvents& events,
                                         std::unique_ptr<InputPoller>& poller);
  // Those with a terminal or a network.
  DeviceSet LiveDevices() const;
  absl::StatusOr<InputWatch*> StartWatch(const InputEvents& events,
                                         std::unique_ptr<InputPoller>& poller);
  BootState boot() const;
  absl::Status Restart();

  // A MAC that the user has chosen may be that of a guest on another network.
  uint16_t guest_id() const { return options_.guest_id.value_or(guest_id_.value()); }

  // The host with all that observes it.
  Host& host();

  Options options_;
  const LogSink log_;
  const LogSink verbose_;
  std::unique_ptr<GuestMemory> memory_;
  loader::LoadedGuest guest_;
  GuestId guest_id_;
  std::unique_ptr<timetravel::LogReader> replay_;  // of a replay
  BufferedConsoleBackend* screen_ = nullptr;       // the console's
  std::optional<BootImage> boot_image_;            // none: the guest is not to start again
  std::unique_ptr<HostMachine> host_machine_;
  std::unique_ptr<gdb::Connection> gdb_;               // of Options::gdb, until the guest runs
  std::unique_ptr<timetravel::DeterministicRun> run_;  // none: the run is not deterministic
  std::optional<MeteredHost> meter_;                   // with Options::stats
  UniqueFd script_file_;  // of Options::script_file, until the host is made
  std::optional<ScriptRecorder> script_;
  std::optional<OwnMemory> own_memory_;  // likewise
  StatsWriter stats_writer_;             // likewise
  std::unique_ptr<Sandbox> sandbox_;     // none: the launcher is not confined
  std::unique_ptr<EndSignal> end_signal_;
  std::unique_ptr<Bus> bus_;
  std::unique_ptr<gdb::Debugger> debugger_;
};

}  // namespace lguest

#endif  // LAUNCHER_VIRTUAL_MACHINE_H_
