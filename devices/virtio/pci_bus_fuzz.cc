// Whatever a guest reads and writes in PCI configuration, in device memory and in its rings, it
// ends itself with a reason, and nothing else. Input: a list of operations, see Step().

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "devices/testing/fuzzed_devices.h"
#include "devices/virtio/pci_bus.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/guest_io.h"
#include "tools/fuzz/fuzz_input.h"
#include "tools/fuzz/fuzz_target.h"

namespace lguest {
namespace {

constexpr uint32_t kRam = 32 * kPageSize;
constexpr uint32_t kBar = kRam + 256 * kPageSize;

uint32_t TakeWidth(FuzzInput& input) {
  static constexpr std::array<uint32_t, 3> kWidths = {1, 2, 4};
  return kWidths[input.Take<uint8_t>() % kWidths.size()];
}

// Does what the host does after a write.
bool Finish(const absl::StatusOr<GuestIo::Effect>& effect, PciBus& bus) {
  if (!effect.ok()) return FuzzedDevices::IsAlive(effect.status());
  return *effect == GuestIo::Effect::kNone || FuzzedDevices::IsAlive(bus.Notify({}));
}

bool Step(FuzzInput& input, FuzzedDevices& devices, GuestMemory& memory, PciBus& bus) {
  GuestIo& io = *bus.io();
  const uint8_t operation = input.Take<uint8_t>() % (FuzzedDevices::kOperations + 7);
  switch (operation) {
    case 0:
      return FuzzedDevices::IsAlive(io.ReadPort(input.Take<uint16_t>(), TakeWidth(input)).status());
    case 1:
      return Finish(io.WritePort(input.Take<uint16_t>(), TakeWidth(input), input.Take<uint32_t>()),
                    bus);
    case 2: {  // PCI configuration
      const uint32_t address =
          0x80000000u | (input.Take<uint8_t>() % 5u) << 11 | input.Take<uint8_t>();
      Require(io.WritePort(0xcf8, 4, address).ok());
      const auto port = static_cast<uint16_t>(0xcfc + input.Take<uint8_t>() % 4);
      return Finish(io.WritePort(port, TakeWidth(input), input.Take<uint32_t>()), bus) &&
             FuzzedDevices::IsAlive(io.ReadPort(port, TakeWidth(input)).status());
    }
    case 3: {  // a register
      const GuestPhys address(kBar + input.Take<uint8_t>() % 3 * kPageSize + input.Take<uint8_t>());
      return Finish(io.WriteMemory(address, TakeWidth(input), input.Take<uint32_t>()), bus);
    }
    case 4: {
      const GuestPhys address(input.Take<uint32_t>());
      if (!io.IsDeviceMemory(GuestPhys(PageAlignDown(address.value())))) return true;
      return FuzzedDevices::IsAlive(io.ReadMemory(address, TakeWidth(input)).status());
    }
    case 5:
      static_cast<void>(bus.StatusChanges());
      return true;
    case 6:
      return FuzzedDevices::IsAlive(bus.Restart());
    default:
      return devices.Step(operation - 7, input, memory, bus);
  }
}

void Run(FuzzInput input) {
  constexpr int kMostSteps = 512;
  const std::unique_ptr<GuestMemory> memory = *GuestMemory::Create(kRam);
  FuzzedDevices devices;
  auto bus = *PciBus::Create(*memory, devices.host(), kRam, devices.Make(16, 12));
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
