// ParseTunSpec() returns either a valid spec or an error with a message, for any text.

#include <net/if.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>

#include "devices/net/ipv4.h"
#include "devices/net/tun_spec.h"
#include "tools/fuzz/fuzz_target.h"

namespace {

void Check(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string value(data, data + size);
  const auto spec = lguest::ParseTunSpec(value);
  if (!spec.ok()) {
    Check(!spec.status().message().empty());
    return 0;
  }
  if (const auto* address = std::get_if<lguest::TunAddress>(&*spec)) {
    Check(address->prefix.length >= 1 && address->prefix.length <= 32);
    Check(address->prefix.address >> 24 != 0 && address->prefix.address >> 24 < 224);
    Check(lguest::ParseIpv4Prefix(value).value() == address->prefix);
  } else if (const auto* bridge = std::get_if<lguest::TunBridge>(&*spec)) {
    Check(!bridge->name.empty() && bridge->name.size() < IFNAMSIZ);
  } else if (const auto* tap = std::get_if<lguest::TunExistingTap>(&*spec)) {
    Check(!tap->name.empty() && tap->name.size() < IFNAMSIZ);
  } else {
    Check(std::get<lguest::TunDescriptor>(*spec).fd > 2);
  }
  return 0;
}
