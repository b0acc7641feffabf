#include "launcher/timetravel/recorder.h"

#include "launcher/timetravel/fingerprint.h"

namespace lguest::timetravel {

void Recorder::Start(hostsim::CountStops& stops, const hostsim::Vcpu& cpu) {
  stops_ = &stops;
  cpu_ = &cpu;
  stop_ = stops.Add([this] { Mark(); });
  stops.Set(stop_, kMarkInterval);
}

Outcome Recorder::Perform(uint32_t device, absl::FunctionRef<Outcome()> operation,
                          const Outcome& usual) {
  Outcome outcome = operation();
  const uint64_t number = operations_++;
  if (outcome == usual) return outcome;
  log_.Append(OutcomeEntry{.count = stops_ == nullptr ? 0 : stops_->cpu().count(),
                           .operation = number,
                           .device = device,
                           .outcome = outcome});
  return outcome;
}

void Recorder::Mark() {
  const uint64_t count = stops_->cpu().count();
  log_.Append(MarkEntry{.count = count, .registers = HashOfRegisters(*cpu_)});
  log_.Flush();
  stops_->Set(stop_, count + kMarkInterval);
}

}  // namespace lguest::timetravel
