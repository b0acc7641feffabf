#include "devices/virtio/pci_config.h"

#include <cstring>

namespace lguest {
namespace {

// Registers.
constexpr uint32_t kVendor = 0x00;           // u16
constexpr uint32_t kDevice = 0x02;           // u16
constexpr uint32_t kCommand = 0x04;          // u16
constexpr uint32_t kStatus = 0x06;           // u16
constexpr uint32_t kRevision = 0x08;         // u8
constexpr uint32_t kSubclass = 0x0a;         // u8
constexpr uint32_t kClass = 0x0b;            // u8
constexpr uint32_t kCacheLine = 0x0c;        // u8
constexpr uint32_t kLatency = 0x0d;          // u8
constexpr uint32_t kBar0 = 0x10;             // u32
constexpr uint32_t kSubsystem = 0x2e;        // u16
constexpr uint32_t kFirstCapability = 0x34;  // u8
constexpr uint32_t kInterruptLine = 0x3c;    // u8

constexpr uint16_t kVirtioVendor = 0x1af4;
constexpr uint16_t kFirstModernDevice = 0x1040;
constexpr uint16_t kHasCapabilities = 0x10;
constexpr uint16_t kVirtioSubsystem = 0x40;

// Capabilities, each with what follows its structure.
constexpr uint32_t kCommonCapability = 0x40;
constexpr uint32_t kNotifyCapability = 0x50;
constexpr uint32_t kIsrCapability = 0x64;
constexpr uint32_t kDeviceCapability = 0x74;
constexpr uint32_t kWindowCapability = 0x84;
constexpr uint32_t kWindowData = kWindowCapability + sizeof(PciCapability);
constexpr uint8_t kVendorCapability = 9;
constexpr uint8_t kCapabilitySize = sizeof(PciCapability);
constexpr uint8_t kLongCapabilitySize = kCapabilitySize + sizeof(uint32_t);

struct Class {
  uint8_t base;
  uint8_t sub;
};

constexpr Class ClassOf(VirtioType type) {
  switch (type) {
    case VirtioType::kNet:
      return {.base = 2, .sub = 0};
    case VirtioType::kBlock:
      return {.base = 1, .sub = 0x80};
    case VirtioType::kConsole:
      return {.base = 7, .sub = 0};
    case VirtioType::kNone:
    case VirtioType::kRng:
      break;
  }
  return {.base = 0xff, .sub = 0};
}

template <typename T>
void Put(std::array<std::byte, kPciConfigSize>& bytes, uint32_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

// True if the guest may change this byte.
constexpr bool IsWritable(uint32_t offset) {
  if (offset >= kBar0 && offset < kBar0 + sizeof(uint32_t)) return true;
  if (offset >= kWindowData && offset < kWindowData + sizeof(uint32_t)) return true;
  constexpr uint32_t kWindowBar = kWindowCapability + offsetof(PciCapability, bar);
  constexpr uint32_t kWindowOffset = kWindowCapability + offsetof(PciCapability, offset);
  if (offset == kWindowBar || (offset >= kWindowOffset && offset < kWindowData)) return true;
  return offset == kCommand || offset == kCommand + 1 || offset == kCacheLine ||
         offset == kLatency || offset == kInterruptLine;
}

}  // namespace

PciConfig::PciConfig(VirtioType type, uint32_t irq, GuestPhys bar, uint32_t device_config_size) {
  Put(bytes_, kVendor, kVirtioVendor);
  Put(bytes_, kDevice, static_cast<uint16_t>(kFirstModernDevice + static_cast<uint16_t>(type)));
  Put(bytes_, kStatus, kHasCapabilities);
  Put(bytes_, kRevision, uint8_t{1});
  Put(bytes_, kSubclass, ClassOf(type).sub);
  Put(bytes_, kClass, ClassOf(type).base);
  Put(bytes_, kBar0, bar.value());
  Put(bytes_, kSubsystem, kVirtioSubsystem);
  Put(bytes_, kFirstCapability, static_cast<uint8_t>(kCommonCapability));
  Put(bytes_, kInterruptLine, static_cast<uint8_t>(irq));
  AddCapability(kCommonCapability, kNotifyCapability, kCapabilitySize, PciCapabilityType::kCommon,
                0, sizeof(PciCommonConfig));
  AddCapability(kNotifyCapability, kIsrCapability, kLongCapabilitySize, PciCapabilityType::kNotify,
                kPciNotifyOffset, sizeof(uint16_t));
  AddCapability(kIsrCapability, kWindowCapability, kCapabilitySize, PciCapabilityType::kIsr,
                kPciIsrOffset, sizeof(uint8_t));
  // The early console of Linux needs the window before the device's configuration.
  AddCapability(kWindowCapability, kDeviceCapability, kLongCapabilitySize,
                PciCapabilityType::kWindow, 0, 0);
  AddCapability(kDeviceCapability, 0, kCapabilitySize, PciCapabilityType::kDevice,
                kPciDeviceConfigOffset, device_config_size);
}

void PciConfig::AddCapability(uint32_t at, uint8_t next, uint8_t size, PciCapabilityType type,
                              uint32_t offset, uint32_t length) {
  Put(bytes_, at,
      PciCapability{.id = kVendorCapability,
                    .next = next,
                    .size = size,
                    .type = static_cast<uint8_t>(type),
                    .bar = 0,
                    .padding = {},
                    .offset = offset,
                    .length = length});
}

uint32_t PciConfig::Read(uint32_t offset, uint32_t size) const {
  uint32_t value = 0;
  std::memcpy(&value, bytes_.data() + offset, size);
  return value;
}

void PciConfig::Write(uint32_t offset, uint32_t size, uint32_t value) {
  for (uint32_t i = 0; i < size; ++i, value >>= 8) {
    if (IsWritable(offset + i)) bytes_[offset + i] = static_cast<std::byte>(value);
  }
  // The guest learns the size of the BAR from the bits that stay 0.
  Put(bytes_, kBar0, bar().value());
}

GuestPhys PciConfig::bar() const {
  return GuestPhys(Read(kBar0, sizeof(uint32_t)) & ~(kPciBarSize - 1));
}

std::optional<PciConfig::Window> PciConfig::WindowAt(uint32_t offset) const {
  if (offset < kWindowData || offset >= kWindowData + sizeof(uint32_t)) return std::nullopt;
  return Window{
      .bar = Read(kWindowCapability + offsetof(PciCapability, bar), sizeof(uint8_t)),
      .offset = Read(kWindowCapability + offsetof(PciCapability, offset), sizeof(uint32_t)),
      .length = Read(kWindowCapability + offsetof(PciCapability, length), sizeof(uint32_t))};
}

uint32_t PciConfig::window_data() const { return Read(kWindowData, sizeof(uint32_t)); }

}  // namespace lguest
