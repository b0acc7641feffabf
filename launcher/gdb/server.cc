#include "launcher/gdb/server.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "launcher/gdb/registers.h"

namespace lguest::gdb {
namespace {

using hostsim::Watchpoint;

constexpr size_t kMaxRead = PacketReader::kMaxBody / 2;
constexpr size_t kMaxPoints = 4096;
constexpr std::string_view kOk = "OK";
constexpr std::string_view kBadPacket = "E16";     // EINVAL
constexpr std::string_view kBadAddress = "E0e";    // EFAULT
constexpr std::string_view kTooMany = "E1c";       // ENOSPC
constexpr std::string_view kCannotChange = "E1e";  // EROFS: the run is recorded

}  // namespace

Server::Server(Connection& connection, hostsim::Vcpu& cpu, GuestMemory& memory, bool can_reverse,
               Monitor monitor)
    : connection_(connection),
      cpu_(cpu),
      debug_(*cpu.debug_stops()),
      memory_(memory),
      can_reverse_(can_reverse),
      monitor_(std::move(monitor)) {}

Resume Server::Serve(std::string_view reply) {
  if (!reply.empty()) {
    last_reply_ = reply;
    Send(reply);
  }
  while (Receive()) {
    if (std::optional<Resume> resume = Handle(reader_.body()); resume.has_value()) return *resume;
  }
  return {.kind = Resume::Kind::kDetach};
}

bool Server::WantsStop() {
  const std::string bytes = connection_.Read();
  if (bytes.empty()) return true;
  reader_.Append(bytes);
  return TakeInterrupt();
}

bool Server::TakeInterrupt() {
  PacketReader::Event event = reader_.Next();
  // Packets do not come while the guest runs.
  while (event != PacketReader::Event::kNone && event != PacketReader::Event::kInterrupt) {
    event = reader_.Next();
  }
  return event == PacketReader::Event::kInterrupt;
}

void Server::Arm() {
  for (const uint32_t address : session_.breakpoints) debug_.SetBreakpoint(address);
  for (const Watchpoint& watchpoint : session_.watchpoints) debug_.SetWatchpoint(watchpoint);
}

void Server::Disarm() {
  for (const uint32_t address : session_.breakpoints) debug_.RemoveBreakpoint(address);
  for (const Watchpoint& watchpoint : session_.watchpoints) debug_.RemoveWatchpoint(watchpoint);
}

void Server::Send(std::string_view body) { connection_.Write(EncodePacket(body)); }

bool Server::Receive() {
  while (true) {
    switch (reader_.Next()) {
      case PacketReader::Event::kPacket:
        if (session_.acknowledges) connection_.Write("+");
        return true;
      case PacketReader::Event::kBroken:
        if (session_.acknowledges) connection_.Write("-");
        continue;
      case PacketReader::Event::kInterrupt:  // the guest has stopped already
        continue;
      case PacketReader::Event::kNone:
        break;
    }
    const std::string bytes = connection_.Read();
    if (bytes.empty()) return false;
    reader_.Append(bytes);
  }
}

std::optional<Resume> Server::Handle(std::string_view packet) {
  const char command = packet.empty() ? '\0' : packet[0];
  switch (command) {
    case '?':
      Send(last_reply_.empty() ? "T05thread:1;" : last_reply_);
      return std::nullopt;
    case 'g':
      Send(RegisterDigits(cpu_));
      return std::nullopt;
    case 'm':
      Send(ReadMemory(packet.substr(1)));
      return std::nullopt;
    case 'G':
    case 'P':
    case 'M':
    case 'X':
      Send(kCannotChange);
      return std::nullopt;
    case 'Z':
    case 'z':
      Send(SetPoint(packet));
      return std::nullopt;
    case 'c':
    case 's':
    case 'b':
      return HandleResume(packet);
    case 'D':
      Send(kOk);
      return Resume{.kind = Resume::Kind::kDetach};
    case 'k':
      return Resume{.kind = Resume::Kind::kKill};
    case 'H':
    case 'T':
      Send(kOk);
      return std::nullopt;
    case 'v':
      if (absl::ConsumePrefix(&packet, "vCont;")) return HandleResume(packet);
      if (packet.starts_with("vKill")) {
        Send(kOk);
        return Resume{.kind = Resume::Kind::kKill};
      }
      Send(packet == "vCont?" ? "vCont;c;C;s;S;r" : "");
      return std::nullopt;
    case 'q':
      if (const std::optional<Resume> go = GoToCommand(packet); go.has_value()) return go;
      Send(Query(packet));
      return std::nullopt;
    default:
      Send(Query(packet));
      return std::nullopt;
  }
}

std::optional<Resume> Server::HandleResume(std::string_view action) {
  using Kind = Resume::Kind;
  if (action == "bs" && can_reverse_) return Resume{.kind = Kind::kReverseStep};
  if (action == "bc" && can_reverse_) return Resume{.kind = Kind::kReverseContinue};
  const char kind = action.empty() ? '\0' : action[0];
  if (kind == 'c' || kind == 'C') return Resume{.kind = Kind::kContinue};
  if (kind == 's' || kind == 'S') return Resume{.kind = Kind::kStep};
  if (kind == 'r') {
    action.remove_prefix(1);
    const std::optional<Range> range = TakeRange(action);  // "START,END"
    if (range.has_value()) {
      return Resume{.kind = Kind::kStepRange,
                    .start = static_cast<uint32_t>(range->address),
                    .end = static_cast<uint32_t>(range->length)};
    }
  }
  Send(kBadPacket);
  return std::nullopt;
}

std::optional<Resume> Server::GoToCommand(std::string_view packet) const {
  if (!can_reverse_ || !absl::ConsumePrefix(&packet, "qRcmd,")) return std::nullopt;
  const std::optional<std::string> command = FromHex(packet);
  if (!command.has_value()) return std::nullopt;
  std::string_view words = *command;
  uint64_t count = 0;
  if (!absl::ConsumePrefix(&words, "at ") || !absl::SimpleAtoi(words, &count)) return std::nullopt;
  return Resume{.kind = Resume::Kind::kGoTo, .count = count};
}

std::string Server::Query(std::string_view packet) {
  if (packet.starts_with("qSupported")) {
    return absl::StrFormat("PacketSize=%x;QStartNoAckMode+;qXfer:features:read+%s",
                           PacketReader::kMaxBody,
                           can_reverse_ ? ";ReverseStep+;ReverseContinue+" : "");
  }
  if (packet == "QStartNoAckMode") {
    session_.acknowledges = false;
    return std::string(kOk);
  }
  if (absl::ConsumePrefix(&packet, "qXfer:features:read:target.xml:")) {
    const std::optional<Range> range = TakeRange(packet);
    if (!range.has_value()) return std::string(kBadPacket);
    const std::string_view text = TargetDescription();
    if (range->address >= text.size()) return "l";
    const auto len =
        static_cast<size_t>(std::min<uint64_t>(range->length, PacketReader::kMaxBody - 1));
    const std::string_view part = text.substr(static_cast<size_t>(range->address), len);
    const bool is_last = range->address + part.size() == text.size();
    return absl::StrCat(is_last ? "l" : "m", part);
  }
  if (absl::ConsumePrefix(&packet, "qRcmd,")) return RunMonitor(packet);
  if (packet == "qC") return "QC1";
  if (packet == "qfThreadInfo") return "m1";
  if (packet == "qsThreadInfo") return "l";
  if (packet.starts_with("qAttached")) return "1";
  return "";
}

std::string Server::ReadMemory(std::string_view packet) const {
  const std::optional<Range> range = TakeRange(packet);
  if (!range.has_value() || range->address > UINT32_MAX) return std::string(kBadPacket);
  std::string bytes(static_cast<size_t>(std::min<uint64_t>(range->length, kMaxRead)), '\0');
  const std::span<std::byte> to = std::as_writable_bytes(std::span(bytes.data(), bytes.size()));
  const size_t len = debug_.Peek(GuestVirt(static_cast<uint32_t>(range->address)), to);
  if (len == 0 && !bytes.empty()) return std::string(kBadAddress);
  return ToHex(to.first(len));
}

std::string Server::SetPoint(std::string_view packet) {
  const bool sets = packet[0] == 'Z';
  const char type = packet.size() < 3 ? '\0' : packet[1];
  packet.remove_prefix(std::min<size_t>(packet.size(), 3));
  const std::optional<Range> range = TakeRange(packet);
  if (!range.has_value() || range->address > UINT32_MAX || range->length > UINT32_MAX) {
    return std::string(kBadPacket);
  }
  const auto address = static_cast<uint32_t>(range->address);
  if (session_.breakpoints.size() + session_.watchpoints.size() >= kMaxPoints && sets) {
    return std::string(kTooMany);
  }
  if (type == '0' || type == '1') {
    if (sets) {
      session_.breakpoints.insert(address);
      debug_.SetBreakpoint(address);
    } else {
      session_.breakpoints.erase(address);
      debug_.RemoveBreakpoint(address);
    }
    return std::string(kOk);
  }
  if (type < '2' || type > '4' || range->length == 0) return "";
  const Watchpoint watchpoint = {.address = address,
                                 .len = static_cast<uint32_t>(range->length),
                                 .reads = type != '2',
                                 .writes = type != '3'};
  std::erase(session_.watchpoints, watchpoint);
  debug_.RemoveWatchpoint(watchpoint);
  if (sets) {
    session_.watchpoints.push_back(watchpoint);
    debug_.SetWatchpoint(watchpoint);
  }
  return std::string(kOk);
}

std::string Server::RunMonitor(std::string_view digits) {
  const std::optional<std::string> command = FromHex(digits);
  if (!command.has_value()) return std::string(kBadPacket);
  std::string_view words = *command;
  const std::string answer =
      absl::ConsumePrefix(&words, "phys ") ? ReadPhysical(words) : monitor_(words);
  return EncodeText(answer);
}

std::string Server::ReadPhysical(std::string_view words) const {
  constexpr uint32_t kMost = 256;
  const std::vector<std::string_view> parts = absl::StrSplit(words, ' ', absl::SkipEmpty());
  uint32_t address = 0;
  uint32_t len = 16;
  if (parts.empty() || parts.size() > 2 || !absl::SimpleHexAtoi(parts[0], &address) ||
      (parts.size() == 2 && (!absl::SimpleAtoi(parts[1], &len) || len == 0 || len > kMost))) {
    return "monitor phys ADDRESS [BYTES]: a hexadecimal address and 1 to 256 bytes are needed\n";
  }
  std::string bytes(len, '\0');
  const std::span<std::byte> to = std::as_writable_bytes(std::span(bytes.data(), bytes.size()));
  if (!memory_.ReadBytes(GuestPhys(address), to).ok()) {
    return absl::StrFormat("0x%x is outside of the guest's %u bytes of memory\n", address,
                           memory_.size());
  }
  return absl::StrFormat("0x%08x: %s\n", address, ToHex(to));
}

}  // namespace lguest::gdb
