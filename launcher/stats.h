// The statistics of --stats.

#ifndef LAUNCHER_STATS_H_
#define LAUNCHER_STATS_H_

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/bus/bus.h"
#include "launcher/base/log.h"
#include "launcher/base/unique_fd.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/metered_host.h"
#include "launcher/options.h"

namespace lguest {

// Bytes of the pages that a process has written to and shares with no other (Private_Dirty),
// outside of the addresses [start, start + size). `smaps` is its /proc/PID/smaps. nullopt if that
// cannot be read.
std::optional<uint64_t> PrivateDirtyOutside(std::istream& smaps, uint64_t start, uint64_t size);

// The memory of this process, outside of the guest's.
class OwnMemory {
 public:
  // Opens /proc/self/smaps.
  OwnMemory();

  // PrivateDirtyOutside() the guest's memory, now. nullopt: it cannot be read.
  std::optional<uint64_t> OutsideGuest(const GuestMemory& memory) const;

 private:
  UniqueFd smaps_;
};

struct Stats {
  std::string kernel;   // as the user named it
  uint32_t memory = 0;  // bytes of RAM
  std::string host;
  MeteredHost::Readings readings;

  struct Device {
    std::string name;
    Bus::Traffic traffic;
  };
  std::vector<Device> devices;

  // Of a deterministic run: names and values. Otherwise empty.
  std::vector<std::pair<std::string, std::string>> fingerprint;

  std::optional<uint64_t> memory_beyond_guest;  // bytes, when the guest ends
};

// In words, one line for each subject.
std::vector<std::string> StatsLines(const Stats& stats);

// As one JSON object, with a newline at its end. Names are as QuoteForTerminal() shows them; times
// are in seconds.
std::string StatsJson(const Stats& stats);

// Where --stats writes: the file of --stats=FILE as JSON, or lines for the user.
class StatsWriter {
 public:
  // Creates the file, if there is one, or empties it.
  static absl::StatusOr<StatsWriter> Open(const Options& options);

  // Once. `log` gets the lines, or a message if the file cannot be
  // written.
  void Write(const Stats& stats, const LogSink& log);

 private:
  UniqueFd file_;  // none: write lines
};

}  // namespace lguest

#endif  // LAUNCHER_STATS_H_
