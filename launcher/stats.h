// What --stats tells of a guest's life.

#ifndef LAUNCHER_STATS_H_
#define LAUNCHER_STATS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "devices/bus/device_bus.h"
#include "launcher/metered_host.h"

namespace lguest {

struct Stats {
  std::string kernel;   // as the user named it
  uint32_t memory = 0;  // bytes of RAM
  std::string host;
  MeteredHost::Readings readings;

  struct Device {
    std::string name;
    DeviceBus::Traffic traffic;
  };
  std::vector<Device> devices;

  std::optional<uint64_t> memory_beyond_guest;  // bytes, at the guest's end; see own_memory.h
};

// In words, a line for each thing.
std::vector<std::string> StatsLines(const Stats& stats);

// As one JSON object, with a newline at its end. Names are as QuoteForTerminal() shows them; times
// are in seconds.
std::string StatsJson(const Stats& stats);

}  // namespace lguest

#endif  // LAUNCHER_STATS_H_
