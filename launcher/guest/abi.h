// The structures and numbers of the lguest interface of Linux 2.6.23 (ABI.md), as guest memory
// holds them: little-endian, without padding. Field names are those of the Linux headers.

#ifndef LAUNCHER_GUEST_ABI_H_
#define LAUNCHER_GUEST_ABI_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "launcher/guest/address.h"

namespace lguest {

// Limits.
inline constexpr uint32_t kMaxDmaBindings = 32;  // bound keys a guest
inline constexpr uint32_t kMaxDmaSections = 16;  // pieces of one DMA
inline constexpr uint32_t kMaxDevices = 16;
inline constexpr uint32_t kInterrupts = 32;
inline constexpr uint32_t kHypercallRingSize = 64;

inline constexpr uint32_t kTimerIrq = 0;
inline constexpr uint32_t kFirstIrqVector = 32;  // interrupt n uses vector 32 + n

// Hypercalls are `int $0x1f` with the number in %eax and arguments in %edx, %ebx and %ecx.
inline constexpr uint8_t kHypercallVector = 0x1f;
inline constexpr uint8_t kSystemCallVector = 0x80;

enum class Hypercall : uint32_t {
  kFlushAsync = 0,
  kLguestInit = 1,
  kCrash = 2,
  kLoadGdt = 3,
  kNewPgtable = 4,
  kFlushTlb = 5,
  kLoadIdtEntry = 6,
  kSetStack = 7,
  kTs = 8,
  kSetClockevent = 9,
  kHalt = 10,
  kBindDma = 12,
  kSendDma = 13,
  kSetPte = 14,
  kSetPmd = 15,
  kLoadTls = 16,
};

// The text of the CRASH hypercall of an orderly power-off.
inline constexpr char kPowerOffReason[] = "Power down";

// The reason of death of a guest that resets the machine by its keyboard controller (the real host
// ignores that), and the end of one that requests a restart if it is to run only once.
inline constexpr char kRestartReason[] = "restart by the keyboard controller";
inline constexpr char kRestartRequestReason[] = "restart";

// Selectors of the boot state (ring 1) and its flat segments: GDT entries 12 and 13.
inline constexpr uint16_t kGuestKernelCs = 0x61;
inline constexpr uint16_t kGuestKernelDs = 0x69;
inline constexpr uint32_t kGdtEntries = 32;
inline constexpr uint32_t kTlsFirstEntry = 6;
inline constexpr uint32_t kTlsEntries = 3;

// The host area: the last 4 MB of every address space.
inline constexpr uint32_t kReservedTop = 4u << 20;
inline constexpr uint32_t kHostAreaStart = 0u - kReservedTop;

// EFLAGS.IF, and the value of lguest_data.irq_enabled that means "on".
inline constexpr uint32_t kInterruptFlag = 0x200;

// One DMA: up to 16 pieces of guest memory. A `len` of 0 ends the list; `used_len` 0 means free to
// be filled.
struct Dma {
  uint32_t used_len;
  std::array<uint32_t, kMaxDmaSections> addr;
  std::array<uint16_t, kMaxDmaSections> len;
};
static_assert(sizeof(Dma) == 100);
static_assert(offsetof(Dma, used_len) == 0);
static_assert(offsetof(Dma, addr) == 4);
static_assert(offsetof(Dma, len) == 68);

enum class DeviceType : uint16_t { kNone = 0, kConsole = 1, kNet = 2, kBlock = 3 };

// Bits of DeviceDescriptor::features.
inline constexpr uint16_t kNetFeatureNoChecksum = 0x4000;
inline constexpr uint16_t kDeviceFeatureRandomness = 0x8000;

// Bits of DeviceDescriptor::status. The guest sets all of them; bit 8, REMOVED, is the host's.
inline constexpr uint16_t kStatusAcknowledge = 1;
inline constexpr uint16_t kStatusDriver = 2;
inline constexpr uint16_t kStatusDriverOk = 4;
inline constexpr uint16_t kStatusRemovedAck = 16;
inline constexpr uint16_t kStatusFailed = 128;

// One entry of the descriptor page, the first page above RAM.
struct DeviceDescriptor {
  uint16_t type;
  uint16_t features;
  uint16_t status;
  uint16_t num_pages;
  uint32_t pfn;
};
static_assert(sizeof(DeviceDescriptor) == 12);
static_assert(offsetof(DeviceDescriptor, type) == 0);
static_assert(offsetof(DeviceDescriptor, features) == 2);
static_assert(offsetof(DeviceDescriptor, status) == 4);
static_assert(offsetof(DeviceDescriptor, num_pages) == 6);
static_assert(offsetof(DeviceDescriptor, pfn) == 8);

enum class BlockRequest : int32_t { kRead = 0, kWrite = 1 };
enum class BlockResult : int32_t { kPending = 0, kOk = 1, kError = 2 };

// The page of a block device.
struct BlockPage {
  int32_t type;
  uint32_t sector;
  uint32_t bytes;
  int32_t result;
  uint32_t num_sectors;
};
static_assert(sizeof(BlockPage) == 20);
static_assert(offsetof(BlockPage, type) == 0);
static_assert(offsetof(BlockPage, sector) == 4);
static_assert(offsetof(BlockPage, bytes) == 8);
static_assert(offsetof(BlockPage, result) == 12);
static_assert(offsetof(BlockPage, num_sectors) == 16);

inline constexpr uint32_t kSectorSize = 512;

// One peer of a network page. mac[0] == 0: the slot is unused; its multicast bit: the peer wants
// every packet.
struct NetPeer {
  std::array<uint8_t, 6> mac;
};
static_assert(sizeof(NetPeer) == 6);

inline constexpr uint32_t kNetPeersPerPage = 4096 / sizeof(NetPeer);
static_assert(kNetPeersPerPage == 682);

// The key of the receive buffers of slot `slot` of the network page at `page` (ABI.md §4.21), and
// the address of that slot's MAC.
constexpr DmaKey NetSlotKey(GuestPhys page, uint32_t slot) {
  return DmaKey(page.value() + 4 * slot);
}
constexpr GuestPhys NetSlotAddress(GuestPhys page, uint32_t slot) {
  return GuestPhys(page.value() + slot * uint32_t{sizeof(NetPeer)});
}

struct HypercallArguments {
  uint32_t eax;
  uint32_t edx;
  uint32_t ebx;
  uint32_t ecx;
};
static_assert(sizeof(HypercallArguments) == 16);

struct GuestTime {
  uint32_t sec;
  uint32_t nsec;
};

inline constexpr uint8_t kHypercallDone = 0xff;
inline constexpr uint8_t kHypercallPending = 0;

// What guest and host share while the guest runs. LGUEST_INIT passes its address.
struct LguestData {
  uint32_t irq_enabled;
  uint32_t blocked_interrupts;
  uint32_t cr2;
  GuestTime time;
  std::array<uint8_t, kHypercallRingSize> hcall_status;
  std::array<HypercallArguments, kHypercallRingSize> hcalls;
  uint32_t reserve_mem;
  uint16_t guestid;
  uint16_t unused;
  uint32_t tsc_khz;
  uint32_t noirq_start;
  uint32_t noirq_end;
};
static_assert(sizeof(LguestData) == 1128);
static_assert(offsetof(LguestData, irq_enabled) == 0);
static_assert(offsetof(LguestData, blocked_interrupts) == 4);
static_assert(offsetof(LguestData, cr2) == 8);
static_assert(offsetof(LguestData, time) == 12);
static_assert(offsetof(LguestData, hcall_status) == 20);
static_assert(offsetof(LguestData, hcalls) == 84);
static_assert(offsetof(LguestData, reserve_mem) == 1108);
static_assert(offsetof(LguestData, guestid) == 1112);
static_assert(offsetof(LguestData, tsc_khz) == 1116);
static_assert(offsetof(LguestData, noirq_start) == 1120);
static_assert(offsetof(LguestData, noirq_end) == 1124);

}  // namespace lguest

#endif  // LAUNCHER_GUEST_ABI_H_
