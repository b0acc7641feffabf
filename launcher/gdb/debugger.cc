#include "launcher/gdb/debugger.h"

#include <csignal>
#include <ctime>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "hostsim/i386/registers.h"
#include "launcher/base/status_macros.h"

namespace lguest::gdb {
namespace {

using hostsim::DebugHit;

constexpr char kTrapped[] = "T05thread:1;";
constexpr char kInterrupted[] = "T02thread:1;";
constexpr char kAborted[] = "T06thread:1;";
constexpr char kAtBeginning[] = "T05thread:1;replaylog:begin;";

// Nearer to its target than this, a worker leaves no checkpoint.
constexpr uint64_t kNear = 20'000;

int64_t ProcessorTime() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::string ReplyOf(const DebugHit& hit) {
  if (hit.kind == DebugHit::Kind::kInstruction) return kTrapped;
  return absl::StrFormat("%s%s:%x;", kTrapped, hit.is_write ? "watch" : "rwatch", hit.address);
}

std::string ReplyOf(const Order& order) {
  switch (order.reason) {
    case Order::Reason::kBeginning:
      return kAtBeginning;
    case Order::Reason::kWatch:
      return ReplyOf(order.hit);
    case Order::Reason::kMonitor:
      return EncodeText(absl::StrFormat(
          "at instruction %u; gdb does not know that yet: maintenance flush register-cache\n",
          order.count));
    case Order::Reason::kStep:
      break;
  }
  return kTrapped;
}

}  // namespace

Debugger::Debugger(std::unique_ptr<Connection> connection, timetravel::DeterministicRun& run,
                   const timetravel::CountedMachine& machine, GuestMemory& memory, LogSink log)
    : connection_(std::move(connection)),
      run_(run),
      machine_(machine),
      log_(std::move(log)),
      server_(*connection_, machine.cpu, memory, /*can_reverse=*/true,
              [this](std::string_view command) { return Monitor(command); }),
      target_(machine.stops.Add([this] { OnTarget(); })),
      end_of_history_(machine.stops.Add([this] { OnEndOfHistory(); })),
      look_(machine.stops.Add([this] { OnCheckpointLook(); })) {}

absl::Status Debugger::Start(int end_fd) {
  ASSIGN_OR_RETURN(history_, History::Create());
  RETURN_IF_ERROR(connection_->Accept(end_fd));
  machine_.host.set_debug_handler([this] { OnDebugStop(); });
  run_.SetDebugInput(connection_->input_fd(), [this] { OnInput(); });
  machine_.stops.Set(look_, 0);
  machine_.stops.Set(target_, 0);
  return absl::OkStatus();
}

uint32_t Debugger::eip() const { return machine_.cpu.Get(hostsim::Register::kEip); }

void Debugger::OnTarget() {
  if (is_over_) return;
  if (history_->checkpoints() == 0 && MakeCheckpoint()) return;
  if (!on_the_way_) {
    if (std::exchange(is_interrupted_, false)) return Serve(kInterrupted);
    if (resume_.kind == Resume::Kind::kStepRange && eip() >= resume_.start && eip() < resume_.end) {
      return RunOn(resume_);
    }
    return Serve(count() == 0 ? "" : kTrapped);
  }
  if (order_.kind == Order::Kind::kScan) return EndScan();
  if (count() < order_.count) {
    if (!MakeCheckpoint()) SetGoToStop();
    return;
  }
  on_the_way_ = false;
  server_.Arm();
  Serve(ReplyOf(order_));
}

void Debugger::OnDebugStop() {
  hostsim::DebugStops& debug = *machine_.cpu.debug_stops();
  const DebugHit hit = debug.hit();
  const bool is_access = hit.kind == DebugHit::Kind::kAccess;
  if (!on_the_way_ && !is_over_) return Serve(ReplyOf(hit));
  // Going back, the guest stops before the access.
  const uint64_t place = count() - (is_access ? 1 : 0);
  if (on_the_way_ && order_.kind == Order::Kind::kScan && place < order_.count) {
    last_hit_ = place;
    last_hit_kind_ = hit;
  }
  if (!is_access) debug.PassBreakpoint();
}

void Debugger::OnInput() {
  if (is_over_ || on_the_way_ || !server_.WantsStop()) return;
  Serve(kInterrupted);
}

void Debugger::OnCheckpointLook() {
  if (is_over_ || !history_->is_tip()) return;
  machine_.stops.Set(look_, count() + kCheckpointLook);
  if (ProcessorTime() - last_checkpoint_ >= kCheckpointNanos) MakeCheckpoint();
}

void Debugger::OnEndOfHistory() {
  if (on_the_way_) {
    if (order_.kind == Order::Kind::kScan) EndScan();
    return;
  }
  // The stop at this count comes before a breakpoint here, and the tip would pass that.
  const bool is_breakpoint = server_.session().breakpoints.contains(eip());
  const Order::Kind kind = is_breakpoint ? Order::Kind::kServe : Order::Kind::kContinue;
  history_->WakeTip({.kind = kind, .resume = resume_}, server_.session());
}

void Debugger::OnDeath(std::string_view reason) {
  if (is_over_) return;
  if (!history_->is_tip()) {
    if (on_the_way_ && order_.kind == Order::Kind::kScan) EndScan();
    history_->WakeTip({.kind = Order::Kind::kServe}, server_.session());
  }
  is_dead_ = true;
  log_(absl::StrCat("the guest has ended, and gdb can go back: ", reason));
  Serve(kAborted);
}

void Debugger::Serve(std::string reply) {
  std::optional<std::string> next = std::move(reply);
  while (next.has_value()) next = Do(server_.Serve(*next));
}

std::optional<std::string> Debugger::Do(const Resume& resume) {
  switch (resume.kind) {
    case Resume::Kind::kContinue:
    case Resume::Kind::kStep:
    case Resume::Kind::kStepRange:
      RunOn(resume);
      return std::nullopt;
    case Resume::Kind::kReverseStep:
      if (count() == 0) return kAtBeginning;
      return GoTo({.kind = Order::Kind::kGoTo, .count = count() - 1});
    case Resume::Kind::kReverseContinue:
      if (count() == 0) return kAtBeginning;
      return Wake(count() - 1, {.kind = Order::Kind::kScan, .count = count()});
    case Resume::Kind::kGoTo:
      if (resume.count > (history_->is_tip() ? count() : history_->tip_count())) {
        return EncodeText("the guest has not been there yet\n");
      }
      return GoTo(
          {.kind = Order::Kind::kGoTo, .count = resume.count, .reason = Order::Reason::kMonitor});
    case Resume::Kind::kDetach:
    case Resume::Kind::kKill:
      if (!history_->is_tip()) {
        history_->WakeTip({.kind = Order::Kind::kContinue, .resume = resume}, server_.session());
      }
      Forget();
      if (resume.kind == Resume::Kind::kKill) {
        run_.End(absl::CancelledError("gdb has ended the launcher"));
      }
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string> Debugger::GoTo(const Order& order) {
  if (order.count == count()) return ReplyOf(order);
  if (!history_->is_tip() && order.count >= history_->tip_count()) {
    Order serve = order;
    serve.kind = Order::Kind::kServe;
    history_->WakeTip(serve, server_.session());
  }
  return Wake(order.count, order);
}

std::optional<std::string> Debugger::Wake(uint64_t start, const Order& order) {
  if (history_->is_tip()) {
    run_.FlushLog();
    history_->set_tip_count(count());
  }
  history_->WakeCheckpoint(start, order, server_.session());
  // This is the tip.
  server_.Disarm();
  history_->LoadSession(server_.session());
  server_.Arm();
  const Order mine = history_->order();  // a copy: Do() may end the history
  if (mine.kind == Order::Kind::kContinue) return Do(mine.resume);
  if (is_dead_ && mine.reason == Order::Reason::kStep) return kAborted;
  return ReplyOf(mine);
}

void Debugger::RunOn(const Resume& resume) {
  if (!history_->is_tip() && count() >= history_->tip_count()) {
    history_->WakeTip({.kind = Order::Kind::kContinue, .resume = resume}, server_.session());
  }
  if (is_dead_) {  // nothing is left to run
    connection_->Write(EncodePacket("W00"));
    return Forget();
  }
  resume_ = resume;
  machine_.cpu.debug_stops()->PassBreakpoint();
  is_interrupted_ = server_.TakeInterrupt();
  const bool steps = resume.kind != Resume::Kind::kContinue || is_interrupted_;
  machine_.stops.Set(target_, steps ? std::optional(count() + 1) : std::nullopt);
}

void Debugger::EndScan() {
  if (last_hit_.has_value()) {
    const bool is_access = last_hit_kind_.kind == DebugHit::Kind::kAccess;
    history_->HandOver(*last_hit_,
                       {.kind = Order::Kind::kGoTo,
                        .count = *last_hit_,
                        .reason = is_access ? Order::Reason::kWatch : Order::Reason::kStep,
                        .hit = last_hit_kind_},
                       server_.session());
  }
  if (scan_start_ == 0 || !history_->Reaches(scan_start_ - 1)) {
    history_->HandOver(
        scan_start_,
        {.kind = Order::Kind::kGoTo, .count = scan_start_, .reason = Order::Reason::kBeginning},
        server_.session());
  }
  history_->HandOver(scan_start_ - 1, {.kind = Order::Kind::kScan, .count = scan_start_},
                     server_.session());
}

bool Debugger::MakeCheckpoint() {
  run_.FlushLog();
  last_checkpoint_ = ProcessorTime();
  if (!history_->MakeCheckpoint(count())) return false;
  // A worker.
  run_.BecomeReplay();
  server_.Disarm();
  history_->LoadSession(server_.session());
  order_ = history_->order();
  on_the_way_ = true;
  machine_.stops.Set(look_, std::nullopt);
  machine_.stops.Set(end_of_history_, history_->tip_count());
  last_hit_.reset();
  scan_start_ = count();
  if (order_.kind == Order::Kind::kScan) {
    server_.Arm();
    machine_.stops.Set(target_, order_.count);
  } else {
    SetGoToStop();
  }
  return true;
}

void Debugger::SetGoToStop() {
  const uint64_t rest = order_.count - count();
  machine_.stops.Set(target_, rest < kNear ? order_.count : count() + rest / 8 * 7);
}

void Debugger::Forget() {
  server_.Disarm();
  server_.session() = {};
  is_over_ = true;
  run_.SetDebugInput(-1, nullptr);
  connection_->Close();
  machine_.stops.Set(target_, std::nullopt);
  history_ = nullptr;
}

std::string Debugger::Monitor(std::string_view command) {
  if (command == "instructions") {
    return absl::StrFormat("%u instructions, guest time %.9f s\n", count(),
                           static_cast<double>(machine_.clock.Now()) / 1e9);
  }
  if (command == "checkpoints") {
    return absl::StrFormat("%u checkpoints%s\n", history_->checkpoints(),
                           history_->is_tip() ? "" : "; this is the past");
  }
  return "monitor instructions     where the guest is\n"
         "monitor at N             go to the instruction N\n"
         "monitor checkpoints      what reverse execution starts from\n"
         "monitor phys ADDR [N]    guest-physical memory\n";
}

}  // namespace lguest::gdb
