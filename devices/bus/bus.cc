#include "devices/bus/bus.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace lguest {
namespace {

// The bits that a guest may set, in the order in which a driver sets them.
constexpr struct {
  uint16_t bit;
  const char* meaning;
} kStatusMeanings[] = {
    {kStatusAcknowledge, "acknowledged"},
    {kStatusDriver, "driver found"},
    {kStatusDriverOk, "driver ready"},
    {kStatusRemovedAck, "removal acknowledged"},
    {kStatusFailed, "failed (reported by the guest)"},
};

}  // namespace

absl::Status CheckDeviceCount(size_t count) {
  if (count <= kMaxDevices) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "%u devices including the console: at most %u are supported", count, kMaxDevices));
}

std::string DescribeStatus(uint16_t bits) {
  std::vector<std::string> words;
  for (const auto& [bit, meaning] : kStatusMeanings) {
    if ((bits & bit) != 0) {
      words.emplace_back(meaning);
      bits &= ~bit;
    }
  }
  if (bits != 0) words.push_back(absl::StrFormat("unknown status 0x%x", bits));
  return absl::StrJoin(words, ", ");
}

}  // namespace lguest
