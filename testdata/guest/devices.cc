#include "testdata/guest/devices.h"

#include <algorithm>

#include "testdata/guest/boot.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/memory.h"
#include "testdata/guest/paging.h"
#include "testdata/guest/text.h"

namespace guest {

uint32_t DeviceAddress(uint32_t page) {
  const uint32_t offset = page - GetBootInfo().memory_bytes;
  if (offset >= kDeviceWindowBytes) Crash(Text("device outside of the window: ", Hex{page}).View());
  return kDeviceWindow + offset;
}

uint32_t Device::page() const { return descriptor->pfn * kPageSize; }

std::span<lguest::DeviceDescriptor> DeviceTable() {
  const uint32_t table = DeviceAddress(GetBootInfo().memory_bytes);
  return {reinterpret_cast<lguest::DeviceDescriptor*>(table), lguest::kMaxDevices};
}

void MapDevices() {
  const auto map = [](uint32_t page) { MapKernelPage(DeviceAddress(page), page); };
  map(GetBootInfo().memory_bytes);
  for (const lguest::DeviceDescriptor& descriptor : DeviceTable()) {
    for (uint32_t page = 0; page < descriptor.num_pages; ++page) {
      map((descriptor.pfn + page) * kPageSize);
    }
  }
}

std::optional<Device> FindDevice(lguest::DeviceType type, uint32_t index) {
  const std::span<lguest::DeviceDescriptor> table = DeviceTable();
  for (uint32_t i = 0; i < table.size(); ++i) {
    if (table[i].type != static_cast<uint16_t>(type)) continue;
    if (index-- == 0) return Device{.descriptor = &table[i], .irq = i + 1};
  }
  return std::nullopt;
}

void AcceptDevice(const Device& device) {
  for (const uint16_t bit :
       {lguest::kStatusAcknowledge, lguest::kStatusDriver, lguest::kStatusDriverOk}) {
    WriteOnce(device.descriptor->status,
              static_cast<uint16_t>(ReadOnce(device.descriptor->status) | bit));
  }
}

bool BindDma(uint32_t key, std::span<lguest::Dma> buffers, uint32_t irq) {
  return CallHost(Hypercall::kBindDma, key, ToPhys(buffers.data()), (buffers.size() << 8) | irq) !=
         0;
}

void UnbindDma(uint32_t key, std::span<lguest::Dma> buffers) {
  CallHost(Hypercall::kBindDma, key, ToPhys(buffers.data()), 0);
}

lguest::Dma MakeDma(std::span<const std::byte> memory) {
  lguest::Dma dma = {};
  for (uint32_t section = 0; section < lguest::kMaxDmaSections && !memory.empty(); ++section) {
    const uint32_t address = ToPhys(memory.data());
    const uint32_t bytes = std::min(memory.size(), kPageSize - address % kPageSize);
    dma.addr[section] = address;
    dma.len[section] = static_cast<uint16_t>(bytes);
    memory = memory.subspan(bytes);
  }
  return dma;
}

void SendDma(uint32_t key, const lguest::Dma& dma) {
  CallHost(Hypercall::kSendDma, key, ToPhys(&dma));
}

}  // namespace guest
