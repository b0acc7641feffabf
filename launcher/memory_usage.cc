#include "launcher/memory_usage.h"

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/match.h"

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

}  // namespace

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

std::optional<uint64_t> PrivateMemoryOutsideGuest(const GuestMemory& memory) {
  std::ifstream smaps("/proc/self/smaps");
  return PrivateDirtyOutside(smaps, reinterpret_cast<uintptr_t>(memory.base()), memory.size());
}

}  // namespace lguest
