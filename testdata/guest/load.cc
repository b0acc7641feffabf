#include "testdata/guest/load.h"

#include <algorithm>
#include <array>
#include <span>

#include "testdata/guest/block.h"
#include "testdata/guest/console.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/net.h"

namespace guest {
namespace {

constexpr uint32_t kHeader = 14;  // of an Ethernet frame
constexpr uint32_t kWritesForAPacket = 16;
constexpr uint32_t kReceiveMs = 1;
constexpr uint16_t kTypeLoad = 0x88b5;

using Packet = std::array<uint8_t, NetInterface::kMaxPacket>;

void SendLoad(NetInterface& interface, uint32_t number) {
  static Packet packet;
  std::fill_n(packet.begin(), 6, uint8_t{0xff});
  std::copy(interface.mac().begin(), interface.mac().end(), packet.begin() + 6);
  packet[12] = kTypeLoad >> 8;
  packet[13] = kTypeLoad & 0xff;
  std::fill(packet.begin() + kHeader, packet.end(), static_cast<uint8_t>(number));
  interface.Send(packet);
}

// All bytes of another guest's packet are the same.
void CheckReceived(NetInterface& interface) {
  static Packet packet;
  const uint32_t size = interface.Receive(packet, kReceiveMs);
  if (size <= kHeader || packet[12] != kTypeLoad >> 8 || packet[13] != (kTypeLoad & 0xff)) return;
  const std::span<const uint8_t> data = std::span(packet).subspan(kHeader, size - kHeader);
  const uint8_t first = data[0];
  if (std::any_of(data.begin(), data.end(), [&](uint8_t byte) { return byte != first; })) {
    Crash("load: a packet is damaged");
  }
}

}  // namespace

void RunLoad(uint32_t first) {
  constexpr uint32_t kWords = lguest::kSectorSize / sizeof(uint32_t);
  alignas(lguest::kSectorSize) static std::array<uint32_t, kMostLoadSectors * kWords> data;
  if (Disks().empty()) Crash("load: no disk");
  Disk& disk = Disks().front();
  NetInterface* const interface = FirstNetInterface();
  for (uint32_t number = first;; ++number) {
    const uint32_t sectors = 1 + number % kMostLoadSectors;
    const uint32_t start = number * kLoadStep % (disk.sectors() - kMostLoadSectors);
    std::fill(data.begin(), data.end(), number);
    if (!disk.Write(start,
                    {reinterpret_cast<const char*>(data.data()), sectors * lguest::kSectorSize})) {
      Crash("load: the disk reports an error");
    }
    Print("wrote ", number, "\r\n");
    if (interface == nullptr) continue;
    SendLoad(*interface, number);
    if (number % kWritesForAPacket == 0) CheckReceived(*interface);
  }
}

}  // namespace guest
