// Devices for fuzz targets of buses, and what must hold whatever the guest does.

#ifndef DEVICES_TESTING_FUZZED_DEVICES_H_
#define DEVICES_TESTING_FUZZED_DEVICES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "devices/block/virtio_block.h"
#include "devices/bus/bus.h"
#include "devices/console/virtio_console.h"
#include "devices/net/virtio_net.h"
#include "devices/testing/fake_console_backend.h"
#include "devices/testing/fake_host.h"
#include "devices/testing/fake_packet_backend.h"
#include "devices/testing/memory_block_backend.h"
#include "devices/virtio/virtio_device.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "tools/fuzz/fuzz_input.h"

namespace lguest {

// A console, a disk and a network, and the world behind them.
class FuzzedDevices {
 public:
  static constexpr size_t kDisk = 8192;

  FuzzedDevices() : disk_(kDisk, 'd') {
    network_.to_guest = {"a packet", std::string(1514, 'p')};
    user_.input = {"typed", "more"};
  }

  std::vector<std::unique_ptr<VirtioDevice>> Make(uint32_t block_header, uint32_t net_header) {
    std::vector<std::unique_ptr<VirtioDevice>> devices;
    devices.push_back(std::make_unique<VirtioConsole>(
        std::make_unique<Console>(std::make_unique<FakeConsoleBackend>(user_))));
    devices.push_back(std::make_unique<VirtioBlock>(
        "disk", std::make_unique<MemoryBlockBackend>(disk_), block_header));
    devices.push_back(std::make_unique<VirtioNet>("net",
                                                  std::make_unique<FakePacketBackend>(network_),
                                                  NetPeer{{2, 0, 0, 0, 0, 0}}, net_header));
    return devices;
  }

  FakeHost& host() { return host_; }

  // What any guest can do besides using its bus. `operation` < kOperations.
  static constexpr uint8_t kOperations = 3;
  bool Step(uint8_t operation, FuzzInput& input, GuestMemory& memory, Bus& bus) {
    switch (operation) {
      case 0:
        Write(memory, input.Take<uint32_t>() % memory.size(),
              input.TakeBytes(input.Take<uint8_t>()));
        return true;
      case 1:  // a descriptor at the start of a page
        Write(memory, input.Take<uint8_t>() * kPageSize + input.Take<uint8_t>() * 16,
              input.TakeBytes(16));
        return true;
      default:
        return IsAlive(bus.Receive(input.Take<uint8_t>() % bus.device_count()).status());
    }
  }

  // False if the guest has ended, for which there must be a reason of one line.
  static bool IsAlive(const absl::Status& status) {
    if (status.ok()) return true;
    Require(!status.message().empty());
    Require(status.message().find('\n') == std::string_view::npos);
    return false;
  }

  // Call at the end.
  void Check() const { Require(disk_.size() == kDisk); }

 private:
  static void Write(GuestMemory& memory, uint32_t address, std::span<const uint8_t> bytes) {
    memory.WriteBytes(GuestPhys(address), std::as_bytes(bytes)).IgnoreError();
  }

  std::string disk_;
  FakeNetwork network_;
  FakeUser user_;
  FakeHost host_;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_FUZZED_DEVICES_H_
