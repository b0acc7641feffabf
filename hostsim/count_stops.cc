#include "hostsim/count_stops.h"

#include <algorithm>
#include <utility>

namespace lguest::hostsim {

CountStops::User CountStops::Add(std::function<void()> reached) {
  stops_.push_back({.reached = std::move(reached), .count = std::nullopt});
  return stops_.size() - 1;
}

void CountStops::Set(User user, std::optional<uint64_t> count) {
  stops_[user].count = count;
  Update();
}

void CountStops::Handle() {
  const uint64_t now = cpu_.count();
  for (Stop& stop : stops_) {
    if (!stop.count.has_value() || *stop.count > now) continue;
    stop.count.reset();
    stop.reached();
  }
  Update();
}

void CountStops::Update() {
  std::optional<uint64_t> next;
  for (const Stop& stop : stops_) {
    if (stop.count.has_value()) next = std::min(next.value_or(*stop.count), *stop.count);
  }
  cpu_.StopAt(next);
}

}  // namespace lguest::hostsim
