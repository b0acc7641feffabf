// The bus of 4.0 to 4.13 (VIRTIO_ABI.md §9).

#include "testdata/guest/memory.h"
#include "testdata/virtio_guest/bus.h"
#include "testdata/virtio_guest/host.h"
#include "testdata/virtio_guest/paging.h"

#if HAS_PCI

namespace guest {
namespace {

constexpr uint16_t kConfigAddress = 0xcf8;
constexpr uint16_t kConfigData = 0xcfc;
constexpr uint16_t kVirtioVendor = 0x1af4;
constexpr uint32_t kFirstDevice = 0x1040;
constexpr uint32_t kBar0 = 0x10;
constexpr uint32_t kInterruptLine = 0x3c;
constexpr uint32_t kWindow = 0x84;
constexpr uint32_t kConsoleNumber = 1;
constexpr uint32_t kMostFunctions = 32;

using Common = lguest::PciCommonConfig;

alignas(kPageSize) unsigned char ring_pages[kMostDevices][2][Virtqueue::kPages * kPageSize];
uint32_t used_rings;

template <typename T>
T ReadConfig(uint32_t number, uint32_t offset) {
  Out<uint32_t>(kConfigAddress, 0x80000000 | number << 11 | (offset & 0xfc));
  return In<T>(static_cast<uint16_t>(kConfigData + offset % 4));
}

template <typename T>
void WriteConfig(uint32_t number, uint32_t offset, T value) {
  Out<uint32_t>(kConfigAddress, 0x80000000 | number << 11 | (offset & 0xfc));
  Out<T>(static_cast<uint16_t>(kConfigData + offset % 4), value);
}

void SetStatus(const Device& device, uint8_t status) {
  WriteRegister(device.base + offsetof(Common, status), status);
}

void AcceptFeatures(Device& device) {
  for (uint32_t word = 0; word < 2; ++word) {
    WriteRegister(device.base + offsetof(Common, device_feature_select), word);
    device.offered |=
        uint64_t{ReadRegister<uint32_t>(device.base + offsetof(Common, device_feature))}
        << (32 * word);
  }
  device.accepted = device.offered & (lguest::kVirtioVersion1 | lguest::kVirtioIndirect);
  for (uint32_t word = 0; word < 2; ++word) {
    WriteRegister(device.base + offsetof(Common, driver_feature_select), word);
    WriteRegister(device.base + offsetof(Common, driver_feature),
                  static_cast<uint32_t>(device.accepted >> (32 * word)));
  }
}

void StartQueue(Device& device, uint32_t index) {
  unsigned char* const pages = ring_pages[used_rings][index];
  memset(pages, 0, Virtqueue::kPages * kPageSize);
  Virtqueue& queue = device.queue[index];
  queue = Virtqueue(reinterpret_cast<uint32_t>(pages), ToPhys(pages));
  WriteRegister(device.base + offsetof(Common, queue_select), static_cast<uint16_t>(index));
  WriteRegister(device.base + offsetof(Common, queue_descriptors_low), queue.descriptors());
  WriteRegister(device.base + offsetof(Common, queue_available_low), queue.available());
  WriteRegister(device.base + offsetof(Common, queue_used_low), queue.used());
  WriteRegister(device.base + offsetof(Common, queue_enable), uint16_t{1});
}

void Start(Device& device) {
  using lguest::kVirtioAcknowledge;
  using lguest::kVirtioDriver;
  using lguest::kVirtioDriverOk;
  using lguest::kVirtioFeaturesOk;
  SetStatus(device, kVirtioAcknowledge);
  SetStatus(device, kVirtioAcknowledge | kVirtioDriver);
  AcceptFeatures(device);
  SetStatus(device, kVirtioAcknowledge | kVirtioDriver | kVirtioFeaturesOk);
  for (uint32_t i = 0; i < device.queues; ++i) StartQueue(device, i);
  ++used_rings;
  SetStatus(device, kVirtioAcknowledge | kVirtioDriver | kVirtioFeaturesOk | kVirtioDriverOk);
}

}  // namespace

void InitDevices(uint32_t /*ram*/) {
  for (uint32_t number = 1; number < kMostFunctions; ++number) {
    if (ReadConfig<uint16_t>(number, 0) != kVirtioVendor) continue;
    Device& device = AddDevice();
    device.type = static_cast<lguest::VirtioType>(ReadConfig<uint16_t>(number, 2) - kFirstDevice);
    device.base_phys = PageStart(ReadConfig<uint32_t>(number, kBar0));
    device.base = MapPages(device.base_phys, 1, kWritable | kUncached | kWriteThrough);
    device.config = device.base + lguest::kPciDeviceConfigOffset;
    device.queues = ReadRegister<uint16_t>(device.base + offsetof(Common, queues));
    device.irq[0] = ReadConfig<uint8_t>(number, kInterruptLine);
    device.irq[1] = device.irq[0];
    Start(device);
  }
}

void NotifyDevice(Device& device, uint32_t queue) {
  WriteRegister(device.base + lguest::kPciNotifyOffset, static_cast<uint16_t>(queue));
}

void ResetDevice(Device& device) {
  SetStatus(device, 0);
  Start(device);
}

void EarlyPrint(const char* text, uint32_t /*ram*/) {
  constexpr uint32_t kEmergencyWrite =
      lguest::kPciDeviceConfigOffset + offsetof(lguest::VirtioConsoleConfig, emergency_write);
  for (; *text != '\0'; ++text) {
    WriteConfig(kConsoleNumber, kWindow + offsetof(lguest::PciCapability, bar), uint8_t{0});
    WriteConfig(kConsoleNumber, kWindow + offsetof(lguest::PciCapability, length), uint32_t{4});
    WriteConfig(kConsoleNumber, kWindow + offsetof(lguest::PciCapability, offset), kEmergencyWrite);
    WriteConfig(kConsoleNumber, kWindow + uint32_t{sizeof(lguest::PciCapability)},
                static_cast<uint32_t>(*text));
  }
}

}  // namespace guest

#endif
