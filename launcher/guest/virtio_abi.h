// The structures and numbers of the lguest interface of Linux 2.6.24 to 4.13 (VIRTIO_ABI.md), as
// guest memory holds them: little-endian, without padding.

#ifndef LAUNCHER_GUEST_VIRTIO_ABI_H_
#define LAUNCHER_GUEST_VIRTIO_ABI_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "launcher/guest/abi.h"

namespace lguest {

// Numbers that 2.6.23 does not have, or uses for something else (VIRTIO_ABI.md §4.3).
enum class VirtioHypercall : uint32_t {
  kShutdown = 2,
  kSetPmd = 13,
  kNotify = 17,
  kLoadGdtEntry = 18,
  kSendInterrupts = 19,
};

// The second argument of SHUTDOWN.
inline constexpr uint32_t kShutdownPowerOff = 1;
inline constexpr uint32_t kShutdownRestart = 2;

// lguest_data (VIRTIO_ABI.md §3): 2.6.24 to 2.6.30.
struct LguestData2624 {
  uint32_t irq_enabled;
  uint32_t blocked_interrupts;
  uint32_t cr2;
  GuestTime time;
  std::array<uint8_t, kHypercallRingSize> hcall_status;
  std::array<std::array<uint32_t, 4>, kHypercallRingSize> hcalls;
  uint32_t reserve_mem;
  uint32_t tsc_khz;
  uint32_t pgdir;
  uint32_t noirq_start;
  uint32_t noirq_end;
  uint32_t kernel_address;
  uint32_t syscall_vec;
};
static_assert(sizeof(LguestData2624) == 1136);
static_assert(offsetof(LguestData2624, hcall_status) == 20);
static_assert(offsetof(LguestData2624, hcalls) == 84);
static_assert(offsetof(LguestData2624, reserve_mem) == 1108);
static_assert(offsetof(LguestData2624, tsc_khz) == 1112);
static_assert(offsetof(LguestData2624, pgdir) == 1116);
static_assert(offsetof(LguestData2624, noirq_start) == 1120);
static_assert(offsetof(LguestData2624, noirq_end) == 1124);
static_assert(offsetof(LguestData2624, kernel_address) == 1128);
static_assert(offsetof(LguestData2624, syscall_vec) == 1132);

// 2.6.31 to 3.0.
struct LguestData2631 {
  uint32_t irq_enabled;
  uint32_t blocked_interrupts;
  uint32_t cr2;
  GuestTime time;
  uint32_t irq_pending;
  std::array<uint8_t, kHypercallRingSize> hcall_status;
  std::array<std::array<uint32_t, 5>, kHypercallRingSize> hcalls;
  uint32_t reserve_mem;
  uint32_t tsc_khz;
  uint32_t pgdir;
  uint32_t noirq_start;
  uint32_t noirq_end;
  uint32_t kernel_address;
  uint32_t syscall_vec;
};
static_assert(sizeof(LguestData2631) == 1396);
static_assert(offsetof(LguestData2631, irq_pending) == 20);
static_assert(offsetof(LguestData2631, hcall_status) == 24);
static_assert(offsetof(LguestData2631, hcalls) == 88);
static_assert(offsetof(LguestData2631, reserve_mem) == 1368);
static_assert(offsetof(LguestData2631, tsc_khz) == 1372);
static_assert(offsetof(LguestData2631, pgdir) == 1376);
static_assert(offsetof(LguestData2631, noirq_start) == 1380);
static_assert(offsetof(LguestData2631, noirq_end) == 1384);
static_assert(offsetof(LguestData2631, kernel_address) == 1388);
static_assert(offsetof(LguestData2631, syscall_vec) == 1392);

// 3.1 to 4.0.
struct LguestData31 {
  uint32_t irq_enabled;
  uint32_t blocked_interrupts;
  uint32_t cr2;
  GuestTime time;
  uint32_t irq_pending;
  std::array<uint8_t, kHypercallRingSize> hcall_status;
  std::array<std::array<uint32_t, 5>, kHypercallRingSize> hcalls;
  uint32_t reserve_mem;
  uint32_t tsc_khz;
  uint32_t noirq_start;
  uint32_t noirq_end;
  uint32_t kernel_address;
  uint32_t syscall_vec;
};
static_assert(sizeof(LguestData31) == 1392);
static_assert(offsetof(LguestData31, noirq_start) == 1376);
static_assert(offsetof(LguestData31, noirq_end) == 1380);
static_assert(offsetof(LguestData31, kernel_address) == 1384);
static_assert(offsetof(LguestData31, syscall_vec) == 1388);

// 4.1 to 4.13.
struct LguestData41 {
  uint32_t irq_enabled;
  uint32_t blocked_interrupts;
  uint32_t cr2;
  GuestTime time;
  uint32_t irq_pending;
  std::array<uint8_t, kHypercallRingSize> hcall_status;
  std::array<std::array<uint32_t, 5>, kHypercallRingSize> hcalls;
  uint32_t reserve_mem;
  uint32_t tsc_khz;
  uint32_t noirq_iret;
  uint32_t kernel_address;
  uint32_t syscall_vec;
};
static_assert(sizeof(LguestData41) == 1388);
static_assert(offsetof(LguestData41, noirq_iret) == 1376);
static_assert(offsetof(LguestData41, kernel_address) == 1380);
static_assert(offsetof(LguestData41, syscall_vec) == 1384);

// ---- Virtqueues (VIRTIO_ABI.md §7)

struct VirtqDescriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};
static_assert(sizeof(VirtqDescriptor) == 16);
static_assert(offsetof(VirtqDescriptor, length) == 8);
static_assert(offsetof(VirtqDescriptor, flags) == 12);
static_assert(offsetof(VirtqDescriptor, next) == 14);

inline constexpr uint16_t kVirtqNext = 1;
inline constexpr uint16_t kVirtqWrite = 2;
inline constexpr uint16_t kVirtqIndirect = 4;

// The available ring: flags, index, heads. The used ring: flags, index, elements.
inline constexpr uint32_t kVirtqRingIndex = 2;
inline constexpr uint32_t kVirtqRingEntries = 4;
inline constexpr uint16_t kVirtqNoInterrupt = 1;  // a flag of the available ring

struct VirtqUsed {
  uint32_t head;
  uint32_t length;
};
static_assert(sizeof(VirtqUsed) == 8);

inline constexpr uint32_t kVirtqueueSize = 256;  // what the launcher offers

// ---- Devices (VIRTIO_ABI.md §8)

enum class VirtioType : uint8_t { kNone = 0, kNet = 1, kBlock = 2, kConsole = 3, kRng = 4 };

// Features of every device.
inline constexpr uint64_t kVirtioIndirect = uint64_t{1} << 28;
inline constexpr uint64_t kVirtioVersion1 = uint64_t{1} << 32;

inline constexpr uint64_t kVirtioConsoleEmergencyWrite = 1u << 2;
inline constexpr uint64_t kVirtioNetMac = 1u << 5;
inline constexpr uint64_t kVirtioBlockSegmentsMax = 1u << 2;
inline constexpr uint64_t kVirtioBlockReadOnly = 1u << 5;
inline constexpr uint64_t kVirtioBlockFlush = 1u << 9;

// Bits of a device's status.
inline constexpr uint8_t kVirtioAcknowledge = 1;
inline constexpr uint8_t kVirtioDriver = 2;
inline constexpr uint8_t kVirtioDriverOk = 4;
inline constexpr uint8_t kVirtioFeaturesOk = 8;
inline constexpr uint8_t kVirtioFailed = 0x80;

struct VirtioConsoleConfig {
  uint16_t columns;
  uint16_t rows;
  uint32_t ports;
  uint32_t emergency_write;
};
static_assert(sizeof(VirtioConsoleConfig) == 12);
static_assert(offsetof(VirtioConsoleConfig, emergency_write) == 8);

struct VirtioBlockConfig {
  uint64_t sectors;
  uint32_t segment_size_max;
  uint32_t segments_max;
};
static_assert(sizeof(VirtioBlockConfig) == 16);
static_assert(offsetof(VirtioBlockConfig, segments_max) == 12);

struct VirtioBlockHeader {
  uint32_t type;
  uint32_t priority;
  uint64_t sector;
};
static_assert(sizeof(VirtioBlockHeader) == 16);
static_assert(offsetof(VirtioBlockHeader, sector) == 8);

struct VirtioBlockHeader2624 {
  VirtioBlockHeader header;
  uint64_t id;
};
static_assert(sizeof(VirtioBlockHeader2624) == 24);

inline constexpr uint32_t kVirtioBlockRead = 0;
inline constexpr uint32_t kVirtioBlockWrite = 1;
inline constexpr uint32_t kVirtioBlockFlushRequest = 4;
inline constexpr uint32_t kVirtioBlockBarrier = 0x80000000;  // a bit of the type

enum class VirtioBlockStatus : uint8_t { kOk = 0, kError = 1, kUnsupported = 2 };

inline constexpr uint32_t kVirtioNetHeaderSize2624 = 8;
inline constexpr uint32_t kVirtioNetHeaderSize = 10;
inline constexpr uint32_t kVirtioNetHeaderSizeModern = 12;  // ends with the number of buffers

// ---- The lguest bus (VIRTIO_ABI.md §6)

struct BusDescriptor {
  uint8_t type;
  uint8_t queues;
  uint8_t feature_size;
  uint8_t config_size;
  uint8_t status;
};
static_assert(sizeof(BusDescriptor) == 5);

struct BusQueue {
  uint16_t size;
  uint16_t irq;
  uint32_t pfn;
};
static_assert(sizeof(BusQueue) == 8);

struct BusRecord {  // 2.6.24
  uint8_t type;
  uint8_t size;  // of the fields
  uint8_t status;
};
static_assert(sizeof(BusRecord) == 3);

struct BusField {  // 2.6.24
  uint8_t type;
  uint8_t size;
};
static_assert(sizeof(BusField) == 2);

inline constexpr uint8_t kBusFieldQueue = 2;
inline constexpr uint8_t kBusFieldFeatures = 0x40;
inline constexpr uint8_t kBusFieldMac = 0x41;
inline constexpr uint8_t kBusFieldSectors = 0x41;
inline constexpr uint8_t kBusFieldSegmentSizeMax = 0x42;
inline constexpr uint8_t kBusFieldSegmentsMax = 0x43;

// ---- PCI (VIRTIO_ABI.md §9)

// The registers at the start of BAR 0.
struct PciCommonConfig {
  uint32_t device_feature_select;
  uint32_t device_feature;
  uint32_t driver_feature_select;
  uint32_t driver_feature;
  uint16_t msix_config;
  uint16_t queues;
  uint8_t status;
  uint8_t generation;
  uint16_t queue_select;
  uint16_t queue_size;
  uint16_t queue_msix;
  uint16_t queue_enable;
  uint16_t queue_notify_offset;
  uint32_t queue_descriptors_low;
  uint32_t queue_descriptors_high;
  uint32_t queue_available_low;
  uint32_t queue_available_high;
  uint32_t queue_used_low;
  uint32_t queue_used_high;
};
static_assert(sizeof(PciCommonConfig) == 56);
static_assert(offsetof(PciCommonConfig, driver_feature) == 12);
static_assert(offsetof(PciCommonConfig, status) == 20);
static_assert(offsetof(PciCommonConfig, queue_select) == 22);
static_assert(offsetof(PciCommonConfig, queue_enable) == 28);
static_assert(offsetof(PciCommonConfig, queue_descriptors_low) == 32);
static_assert(offsetof(PciCommonConfig, queue_used_high) == 52);

inline constexpr uint32_t kPciNotifyOffset = 56;
inline constexpr uint32_t kPciIsrOffset = 58;
inline constexpr uint32_t kPciDeviceConfigOffset = 60;

struct PciCapability {
  uint8_t id;
  uint8_t next;
  uint8_t size;
  uint8_t type;
  uint8_t bar;
  std::array<uint8_t, 3> padding;
  uint32_t offset;
  uint32_t length;
};
static_assert(sizeof(PciCapability) == 16);
static_assert(offsetof(PciCapability, offset) == 8);

enum class PciCapabilityType : uint8_t {
  kCommon = 1,
  kNotify = 2,
  kIsr = 3,
  kDevice = 4,
  kWindow = 5,
};

}  // namespace lguest

#endif  // LAUNCHER_GUEST_VIRTIO_ABI_H_
