#include "benchmarks/device_bench.h"

#include <utility>

#include "launcher/guest/abi.h"

namespace lguest {
namespace {

constexpr GuestPhys kDma(0x100);
constexpr uint32_t kIrq = 1;

std::vector<std::unique_ptr<Device>> Only(std::unique_ptr<Device> device) {
  std::vector<std::unique_ptr<Device>> devices;
  devices.push_back(std::move(device));
  return devices;
}

}  // namespace

DeviceBench::DeviceBench(std::unique_ptr<Device> device)
    : memory_(GuestMemory::Create(kRam + 2 * kPageSize).value()),
      bus_(DeviceBus::Create(*memory_, host_, GuestPhys(kRam), Only(std::move(device))).value()) {}

GuestPhys DeviceBench::MakeDma(uint32_t sections, uint16_t len) {
  Dma dma = {};
  for (uint32_t i = 0; i < sections; ++i) {
    dma.addr.at(i) = kData.value() + i * len;
    dma.len.at(i) = len;
  }
  memory_->Write(kDma, dma).IgnoreError();  // kDma is within RAM
  host_.set_buffer({.dma = kDma, .irq = kIrq});
  return kDma;
}

std::vector<iovec> DeviceBench::Pieces(uint32_t sections, uint16_t len) {
  std::vector<iovec> pieces;
  for (uint32_t i = 0; i < sections; ++i) {
    const GuestPhys addr(kData.value() + i * len);
    pieces.push_back({.iov_base = memory_->MutableRange(addr, len).value().data(), .iov_len = len});
  }
  return pieces;
}

}  // namespace lguest
