#include "launcher/timetravel/deterministic_run.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "launcher/timetravel/taped_backends.h"

namespace lguest::timetravel {

DeterministicRun::DeterministicRun(std::unique_ptr<LogFile> file, const LogHeader& header)
    : writer_(std::make_unique<LogWriter>(std::move(file), header)) {
  recorder_ = std::make_unique<Recorder>(*writer_);
  tape_.tape = recorder_.get();
}

DeterministicRun::DeterministicRun(LogReader& log) : reader_(&log) {
  replayer_ = std::make_unique<Replayer>(*reader_);
  tape_.tape = replayer_.get();
}

std::unique_ptr<BlockBackend> DeterministicRun::WrapDisk(std::unique_ptr<BlockBackend> disk) {
  const uint32_t device = devices_++;
  if (tape_.tape != nullptr) disk = std::make_unique<TapedBlock>(device, std::move(disk), tape_);
  return std::make_unique<HashedBlock>(device, std::move(disk), disks_);
}

std::unique_ptr<PacketBackend> DeterministicRun::WrapPackets(
    std::unique_ptr<PacketBackend> packets) {
  const uint32_t device = devices_++;
  if (tape_.tape == nullptr) return packets;
  return std::make_unique<TapedPackets>(device, std::move(packets), tape_);
}

std::unique_ptr<ConsoleBackend> DeterministicRun::WrapConsole(
    std::unique_ptr<ConsoleBackend> console) {
  const uint32_t device = devices_++;
  if (replayer_ != nullptr) {
    console = std::make_unique<ShownConsole>(std::make_unique<TapedConsole>(device, nullptr, tape_),
                                             std::move(console), is_shown_);
  } else if (recorder_ != nullptr) {
    console = std::make_unique<TapedConsole>(device, std::move(console), tape_);
  }
  return std::make_unique<HashedConsole>(std::move(console), console_);
}

std::chrono::nanoseconds DeterministicRun::Now() const {
  return std::chrono::nanoseconds(machine_ != nullptr ? machine_->clock.Now() : 0);
}

InputWatch& DeterministicRun::Start(Host& host, const CountedMachine& machine,
                                    const InputEvents& events, DeviceSet live,
                                    std::function<void()> on_look) {
  machine_ = &machine;
  host_ = &host;
  if (replayer_ != nullptr) {
    replayer_->Start(host, machine.stops, machine.clock, machine.cpu, events.end_fd);
    current_watch_.watch = replayer_.get();
    return current_watch_;
  }
  PolledWatch::OnReady on_ready;
  if (recorder_ != nullptr) {
    recorder_->Start(machine.stops, machine.cpu);
    on_ready = [this](const ReadyEvent& event) { recorder_->OnReady(event); };
    on_look = [this, inner = std::move(on_look)] {
      inner();
      writer_->Flush();
    };
  }
  watch_ = std::make_unique<PolledWatch>(host, machine.stops, machine.clock, events, live,
                                         std::move(on_ready));
  watch_->SetOnLook(std::move(on_look));
  current_watch_.watch = watch_.get();
  return current_watch_;
}

void DeterministicRun::SetDebugInput(int fd, const std::function<void()>& readable) {
  if (watch_ != nullptr) watch_->SetDebugInput(fd, readable);
  if (replayer_ != nullptr) replayer_->SetDebugInput(fd, readable);
}

void DeterministicRun::End(absl::Status status) {
  if (replayer_ != nullptr) return replayer_->End(std::move(status));
  watch_->End(std::move(status));
}

void DeterministicRun::FlushLog() {
  if (writer_ != nullptr) writer_->Flush();
}

void DeterministicRun::BecomeReplay() {
  is_shown_ = false;
  if (replayer_ != nullptr) return;  // it is one already
  recorder_->Stop();
  watch_->Stop();
  past_ = std::make_unique<LogReader>(writer_->file(), writer_->position());
  reader_ = past_.get();
  replayer_ =
      std::make_unique<Replayer>(*reader_, Replayer::Past{.operations = recorder_->operations(),
                                                          .sleeps = watch_->sleeps(),
                                                          .ready = watch_->TakeReady()});
  replayer_->Start(*host_, machine_->stops, machine_->clock, machine_->cpu);
  tape_.tape = replayer_.get();
  current_watch_.watch = replayer_.get();
}

absl::StatusOr<std::string> DeterministicRun::Finish(absl::StatusOr<std::string> death,
                                                     const GuestMemory& memory,
                                                     const LogSink& log) {
  const Fingerprint print = TakeFingerprint(memory);
  fingerprint_ = std::make_unique<const Fingerprint>(print);
  const std::string reason = death.ok() ? *death : std::string(death.status().message());
  if (writer_ != nullptr) {
    writer_->WriteEnd({.reason = reason, .fingerprint = print.Items()});
    if (!writer_->status().ok()) {
      log(absl::StrCat("the recording is not complete: ", writer_->status().message()));
    }
  }
  // Aborted: the recorded run was ended, too.
  if (replayer_ != nullptr && (replayer_->status().ok() || absl::IsAborted(replayer_->status()))) {
    RETURN_IF_ERROR(CompareEnd(print));
  }
  return death;
}

absl::Status DeterministicRun::CompareEnd(const Fingerprint& print) const {
  if (const LogEntry* const entry = reader_->Peek(); entry != nullptr) {
    return absl::InternalError(absl::StrFormat(
        "the replay differs from the recording: it ends at instruction %u, and the recording has "
        "more, at instruction %u",
        print.instructions, CountOf(*entry)));
  }
  const std::optional<LogEnd>& recorded = reader_->end();
  if (!recorded.has_value()) return absl::OkStatus();
  const LogEnd& end = *recorded;
  const auto items = print.Items();
  if (end.fingerprint.size() != items.size()) {
    return absl::InternalError("the recording has another kind of fingerprint");
  }
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i] == end.fingerprint[i]) continue;
    return absl::InternalError(absl::StrFormat(
        "the replay differs from the recording at its end, at instruction %u: %s is %s, and %s in "
        "the recording",
        print.instructions, items[i].first, items[i].second, end.fingerprint[i].second));
  }
  return absl::OkStatus();
}

Fingerprint DeterministicRun::TakeFingerprint(const GuestMemory& memory) const {
  return {.instructions = machine_->stops.cpu().count(),
          .time = machine_->clock.Now(),
          .memory = HashOf(memory.base(), memory.size()),
          .registers = HashOfRegisters(machine_->cpu),
          .console = console_.value(),
          .disks = disks_.value()};
}

}  // namespace lguest::timetravel
