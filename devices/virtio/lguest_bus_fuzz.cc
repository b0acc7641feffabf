// Whatever a guest writes to its device page and rings, and whatever it notifies, it ends itself
// with a reason, and nothing else.
// Input: one byte for the format, then a list of operations, see Step().

#include <cstddef>
#include <cstdint>
#include <memory>

#include "devices/testing/fuzzed_devices.h"
#include "devices/virtio/lguest_bus.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/guest/guest_memory.h"
#include "tools/fuzz/fuzz_input.h"
#include "tools/fuzz/fuzz_target.h"

namespace lguest {
namespace {

constexpr uint32_t kRam = 16 * kPageSize;
constexpr uint32_t kQueues = 5;
constexpr uint32_t kMemory = kRam + LguestBus::PagesNeeded(kQueues) * kPageSize;

bool Step(FuzzInput& input, FuzzedDevices& devices, GuestMemory& memory, LguestBus& bus) {
  const uint8_t operation = input.Take<uint8_t>() % (FuzzedDevices::kOperations + 4);
  switch (operation) {
    case 0:
      return FuzzedDevices::IsAlive(bus.Notify({.address = GuestPhys(input.Take<uint32_t>())}));
    case 1:  // of a page: the device page or a ring
      return FuzzedDevices::IsAlive(
          bus.Notify({.address = GuestPhys(kRam + input.Take<uint8_t>() * kPageSize)}));
    case 2:
      static_cast<void>(bus.StatusChanges());
      return true;
    case 3:
      return FuzzedDevices::IsAlive(bus.Restart());
    default:
      return devices.Step(operation - 4, input, memory, bus);
  }
}

void Run(FuzzInput input) {
  constexpr int kMostSteps = 256;
  const auto format =
      (input.Take<uint8_t>() & 1) != 0 ? DeviceInterface::kDescriptors : DeviceInterface::kRecords;
  const std::unique_ptr<GuestMemory> memory = *GuestMemory::Create(kMemory);
  FuzzedDevices devices;
  const bool is_old = format == DeviceInterface::kRecords;
  auto bus = *LguestBus::Create(*memory, devices.host(), GuestPhys(kRam), format,
                                devices.Make(is_old ? 24 : 16, is_old ? 8 : 10));
  for (int i = 0; i < kMostSteps && !input.empty(); ++i) {
    if (!Step(input, devices, *memory, *bus)) break;
  }
  devices.Check();
}

}  // namespace
}  // namespace lguest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lguest::Run({data, size});
  return 0;
}
