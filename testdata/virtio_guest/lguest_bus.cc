// The bus of 2.6.24 to 3.19 (VIRTIO_ABI.md §6).

#include "testdata/guest/memory.h"
#include "testdata/virtio_guest/bus.h"
#include "testdata/virtio_guest/host.h"
#include "testdata/virtio_guest/paging.h"

#if !HAS_PCI

namespace guest {
namespace {

using lguest::BusQueue;

void AddQueue(Device& device, const BusQueue& place) {
  const uint32_t index = device.queues++;
  const uint32_t phys = place.pfn * kPageSize;
  device.queue[index] = Virtqueue(MapPages(phys, Virtqueue::kPages, kWritable), phys);
  device.irq[index] = place.irq;
}

#if HAS_RECORDS

// Returns the address behind the record.
uint32_t FindOne(Device& device) {
  const auto* const record = reinterpret_cast<const lguest::BusRecord*>(device.base);
  device.type = static_cast<lguest::VirtioType>(record->type);
  uint32_t at = device.base + sizeof(*record);
  const uint32_t end = at + record->size;
  while (at < end) {
    const auto* const field = reinterpret_cast<const lguest::BusField*>(at);
    at += sizeof(*field);
    if (field->type == lguest::kBusFieldQueue) {
      AddQueue(device, *reinterpret_cast<const BusQueue*>(at));
    } else if (field->type != lguest::kBusFieldFeatures && device.config == 0) {
      device.config = at;  // the capacity of a disk, the MAC of a network
    }
    at += field->size;
  }
  return end;
}

uint32_t StatusAddress(const Device& device) { return device.base + 2; }
void AcceptFeatures(Device& /*device*/) {}

#else

uint32_t FindOne(Device& device) {
  const auto* const descriptor = reinterpret_cast<const lguest::BusDescriptor*>(device.base);
  device.type = static_cast<lguest::VirtioType>(descriptor->type);
  const auto* const places = reinterpret_cast<const BusQueue*>(descriptor + 1);
  for (uint32_t i = 0; i < descriptor->queues; ++i) AddQueue(device, places[i]);
  const auto* const offered = reinterpret_cast<const uint32_t*>(places + descriptor->queues);
  device.offered = *offered;
  device.config = reinterpret_cast<uint32_t>(offered + 2);
  return device.config + descriptor->config_size;
}

uint32_t StatusAddress(const Device& device) { return device.base + 4; }

void AcceptFeatures(Device& device) {
  device.accepted = device.offered & lguest::kVirtioIndirect;
  WriteRegister(device.config - 4, static_cast<uint32_t>(device.accepted));
}

#endif

void SetStatus(Device& device, uint8_t status) {
  WriteRegister(StatusAddress(device), status);
  CallHost(kNotify, device.base_phys);
}

void Start(Device& device) {
  SetStatus(device, lguest::kVirtioAcknowledge | lguest::kVirtioDriver);
  AcceptFeatures(device);
  SetStatus(device, lguest::kVirtioAcknowledge | lguest::kVirtioDriver | lguest::kVirtioDriverOk);
}

}  // namespace

void InitDevices(uint32_t ram) {
  const uint32_t page = MapPages(ram, 1, kWritable);
  for (uint32_t at = page; ReadRegister<uint8_t>(at) != 0;) {
    Device& device = AddDevice();
    device.base = at;
    device.base_phys = ram + (at - page);
    at = FindOne(device);
    Start(device);
  }
}

void NotifyDevice(Device& device, uint32_t queue) {
  CallHost(kNotify, device.queue[queue].descriptors());
}

void ResetDevice(Device& device) {
  SetStatus(device, 0);
  for (uint32_t i = 0; i < device.queues; ++i) {
    const BusQueue place = {.size = 256,
                            .irq = static_cast<uint16_t>(device.irq[i]),
                            .pfn = device.queue[i].descriptors() / kPageSize};
    device.queue[i] = Virtqueue(MapPages(place.pfn * kPageSize, Virtqueue::kPages, kWritable),
                                place.pfn * kPageSize);
  }
  Start(device);
}

void EarlyPrint(const char* text, uint32_t /*ram*/) { CallHost(kNotify, ToPhys(text)); }

}  // namespace guest

#endif
