#include "launcher/stats.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/terminal_quote.h"
#include "launcher/base/vector_io.h"

namespace lguest {
namespace {

// The first line of a mapping: "START-END PERMISSIONS ...", in hexadecimal.
struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;
};
std::optional<Mapping> ParseMapping(const std::string& line) {
  std::istringstream words(line);
  Mapping mapping;
  char dash = 0;
  if (words >> std::hex >> mapping.start >> dash >> mapping.end && dash == '-') return mapping;
  return std::nullopt;
}

double Seconds(int64_t nanos) { return static_cast<double>(nanos) / 1e9; }

std::string Quoted(std::string_view text) {
  const std::string printable = QuoteForTerminal(text);
  return absl::StrCat("\"", absl::StrReplaceAll(printable, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

void AppendDeviceJson(std::string* out, const Stats::Device& device) {
  const Bus::Traffic& traffic = device.traffic;
  absl::StrAppendFormat(
      out, R"({"name": %s, "sent": %u, "sent_bytes": %u, "filled": %u, "filled_bytes": %u})",
      Quoted(device.name), traffic.sent, traffic.sent_bytes, traffic.filled.buffers,
      traffic.filled.bytes);
}

std::string FingerprintJson(const Stats& stats) {
  if (stats.fingerprint.empty()) return "null";
  return absl::StrCat("{",
                      absl::StrJoin(stats.fingerprint, ", ",
                                    [](std::string* out, const auto& item) {
                                      absl::StrAppendFormat(out, R"("%s": "%s")", item.first,
                                                            item.second);
                                    }),
                      "}");
}

}  // namespace

std::vector<std::string> StatsLines(const Stats& stats) {
  const MeteredHost::Readings& readings = stats.readings;
  std::vector<std::string> lines;
  lines.push_back(absl::StrFormat("ran: %s in %u MB on %s", QuoteForTerminal(stats.kernel),
                                  stats.memory >> 20, stats.host));
  lines.push_back(absl::StrFormat("exits: %u for DMA, %u notified, %u broken out, %u by signals",
                                  readings.dma_sent, readings.notified, readings.broken_out,
                                  readings.interrupted));
  lines.push_back(absl::StrFormat("time: %.3f s guest, %.3f s launcher, %.3f s asleep",
                                  Seconds(readings.guest), Seconds(readings.launcher),
                                  Seconds(readings.sleep)));
  for (const Stats::Device& device : stats.devices) {
    const Bus::Traffic& traffic = device.traffic;
    lines.push_back(absl::StrFormat("%s: %u sent (%u bytes), %u filled (%u bytes)",
                                    QuoteForTerminal(device.name), traffic.sent, traffic.sent_bytes,
                                    traffic.filled.buffers, traffic.filled.bytes));
  }
  if (!stats.fingerprint.empty()) {
    lines.push_back(absl::StrCat("fingerprint: ",
                                 absl::StrJoin(stats.fingerprint, " ", absl::PairFormatter("="))));
  }
  if (stats.memory_beyond_guest.has_value()) {
    lines.push_back(
        absl::StrFormat("memory beyond the guest's: %u KB", *stats.memory_beyond_guest >> 10));
  }
  return lines;
}

std::string StatsJson(const Stats& stats) {
  const MeteredHost::Readings& readings = stats.readings;
  return absl::StrFormat(
      R"({
  "kernel": %s,
  "memory_bytes": %u,
  "host": %s,
  "first_run_monotonic_ns": %d,
  "exits": {"dma": %u, "notified": %u, "broken_out": %u, "interrupted": %u, "died": %u},
  "seconds": {"guest": %.6f, "launcher": %.6f, "sleep": %.6f},
  "devices": [%s],
  "fingerprint": %s,
  "memory_beyond_guest_bytes": %s
}
)",
      Quoted(stats.kernel), stats.memory, Quoted(stats.host), readings.first_run, readings.dma_sent,
      readings.notified, readings.broken_out, readings.interrupted, readings.died,
      Seconds(readings.guest), Seconds(readings.launcher), Seconds(readings.sleep),
      absl::StrJoin(stats.devices, ", ", AppendDeviceJson), FingerprintJson(stats),
      stats.memory_beyond_guest.has_value() ? absl::StrCat(*stats.memory_beyond_guest) : "null");
}

absl::StatusOr<StatsWriter> StatsWriter::Open(const Options& options) {
  StatsWriter writer;
  if (options.stats_file.empty()) return writer;
  writer.file_ =
      UniqueFd(open(options.stats_file.c_str(),
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666));
  if (!writer.file_.valid()) return ErrnoStatus("--stats=", options.stats_file);
  return writer;
}

void StatsWriter::Write(const Stats& stats, const LogSink& log) {
  if (file_.valid()) {
    const std::string json = StatsJson(stats);
    if (WriteBytes(file_.get(), json.data(), json.size()) != static_cast<ssize_t>(json.size())) {
      log(absl::StrCat("writing the file of --stats: ", strerror(errno)));
    }
    return;
  }
  for (const std::string& line : StatsLines(stats)) log(line);
}

std::optional<uint64_t> PrivateDirtyOutside(std::istream& smaps, uint64_t start, uint64_t size) {
  constexpr char kField[] = "Private_Dirty:";
  uint64_t kilobytes = 0;
  std::optional<Mapping> mapping;
  for (std::string line; std::getline(smaps, line);) {
    if (const std::optional<Mapping> next = ParseMapping(line); next.has_value()) mapping = next;
    if (!absl::StartsWith(line, kField) || !mapping.has_value()) continue;
    const bool is_guests = mapping->start >= start && mapping->end <= start + size;
    uint64_t dirty = 0;
    if (!is_guests && std::istringstream(line.substr(sizeof(kField) - 1)) >> dirty) {
      kilobytes += dirty;
    }
  }
  if (!mapping.has_value()) return std::nullopt;
  return kilobytes * 1024;
}

OwnMemory::OwnMemory() : smaps_(open("/proc/self/smaps", O_RDONLY | O_CLOEXEC)) {}

std::optional<uint64_t> OwnMemory::OutsideGuest(const GuestMemory& memory) const {
  constexpr size_t kChunk = 65536;
  std::string text;
  ssize_t len = 0;
  do {
    const size_t done = text.size();
    text.resize(done + kChunk);
    len = ReadBytes(smaps_.get(), text.data() + done, kChunk);
    text.resize(done + static_cast<size_t>(std::max<ssize_t>(len, 0)));
  } while (len > 0);
  std::istringstream smaps(text);
  return PrivateDirtyOutside(smaps, reinterpret_cast<uintptr_t>(memory.base()), memory.size());
}

}  // namespace lguest
