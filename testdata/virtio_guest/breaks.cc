// Rules of the interface that this guest can break (VIRTIO_ABI.md §4.3, §7.3, §9.5).

#include "testdata/guest/memory.h"
#include "testdata/virtio_guest/devices.h"
#include "testdata/virtio_guest/host.h"
#include "testdata/virtio_guest/paging.h"
#include "testdata/virtio_guest/tests.h"

namespace guest {
namespace {

using lguest::kVirtqIndirect;
using lguest::kVirtqNext;
using lguest::kVirtqWrite;
using lguest::VirtioType;
using lguest::VirtqDescriptor;

VirtqDescriptor table[2];
alignas(kPageSize) unsigned char page[kPageSize];

// Words of the available ring.
constexpr uint32_t kFlags = 0;
constexpr uint32_t kIndex = 1;
constexpr uint32_t kHead = 2;

// The source of random numbers, because it takes any chain.
Device& Rng() { return *FindDevice(VirtioType::kRng); }

// Makes the chain that starts with `descriptor` available.
void Send(const VirtqDescriptor& descriptor, uint16_t head = 0) {
  Device& rng = Rng();
  rng.queue[0].descriptor(0) = descriptor;
  rng.queue[0].available_word(kHead) = head;
  rng.queue[0].available_word(kIndex) = 1;
  NotifyDevice(rng, 0);
}

VirtqDescriptor Whole() {
  return {.address = ToPhys(page), .length = 64, .flags = kVirtqWrite, .next = 0};
}

void BadHypercall() { CallHost(11); }
void BadStack() { CallHost(kSetStack, 0x68, 0, 1); }
void BadStackPages() { CallHost(kSetStack, 0x69, 0, 3); }
void SecondInit() { CallHost(1, ToPhys(lguest_data)); }
void BadGate() { CallHost(kLoadIdtEntry, 3, 0, 0x8500); }

void BadGdtEntry() {
#if HAS_LOAD_GDT_ENTRY
  CallHost(kLoadGdtEntry, 32, 0, 0);
#else
  CallHost(kLoadGdt, ToPhys(page), 33);
#endif
}

void BadDirectory() { CallHost(kNewPgtable, 0xfffff000); }
void BadTableEntry() { MapPages(0xe0000000, 1, kWritable); }
void BadLargePage() { MapPages(0, 1, kWritable | 0x80); }

void BadNotify() {
#if HAS_PCI
  WriteRegister(Rng().base + lguest::kPciNotifyOffset, uint16_t{1});
#else
  CallHost(kNotify, Rng().queue[0].descriptors() + 4);
#endif
}

void IndexAhead() {
  Rng().queue[0].available_word(kIndex) = 257;
  NotifyDevice(Rng(), 0);
}

void BadHead() { Send(Whole(), 256); }

void BadNext() {
  Send({.address = ToPhys(page), .length = 4, .flags = kVirtqWrite | kVirtqNext, .next = 256});
}

void Loop() {
  Send({.address = ToPhys(page), .length = 4, .flags = kVirtqWrite | kVirtqNext, .next = 0});
}

void BadAddress() { Send({.address = 0xfffffffc, .length = 8, .flags = kVirtqWrite, .next = 0}); }

void HighAddress() {
  Send({.address = uint64_t{1} << 32, .length = 8, .flags = kVirtqWrite, .next = 0});
}

void BadLength() {
  Send({.address = ToPhys(page), .length = 0xffffffff, .flags = kVirtqWrite, .next = 0});
}

void ReadableLast() {
  Rng().queue[0].descriptor(1) = {.address = ToPhys(page), .length = 4, .flags = 0, .next = 0};
  Send({.address = ToPhys(page), .length = 4, .flags = kVirtqWrite | kVirtqNext, .next = 1});
}

void NestedIndirect() {
  table[0] = {.address = ToPhys(table), .length = 16, .flags = kVirtqIndirect, .next = 0};
  Send({.address = ToPhys(table), .length = 16, .flags = kVirtqIndirect, .next = 0});
}

void OddIndirect() {
  Send({.address = ToPhys(table), .length = 17, .flags = kVirtqIndirect, .next = 0});
}

void BadRingFlags() {
  Rng().queue[0].available_word(kFlags) = 2;
  Send(Whole());
}

void RequestWithoutAnswer() {
  Device& disk = *FindDevice(VirtioType::kBlock);
  const Piece pieces[] = {{.data = page, .size = BLOCK_HEADER_SIZE}};
  disk.queue[0].Add(pieces);
  NotifyDevice(disk, 0);
}

#if HAS_PCI
using Common = lguest::PciCommonConfig;

void LateFeatures() { WriteRegister(Rng().base + offsetof(Common, driver_feature), 0u); }
void EnabledQueue() { WriteRegister(Rng().base + offsetof(Common, queue_size), uint16_t{8}); }
void WrongWidth() { WriteRegister(Rng().base + offsetof(Common, status), 0u); }
void ReadOnlyRegister() { WriteRegister(Rng().base + offsetof(Common, queues), uint16_t{1}); }

void BadRegisterInstruction() { asm volatile("addl $1, (%0)" : : "r"(Rng().base) : "memory"); }

void EarlyEnable() {
  WriteRegister(Rng().base + offsetof(Common, status), uint8_t{0});
  WriteRegister(Rng().base + offsetof(Common, queue_enable), uint16_t{1});
}

void BadWindow() {
  constexpr uint32_t kWindow = 0x80000000 | 1 << 11 | 0x84;
  Out<uint32_t>(0xcf8, kWindow + 8);
  Out<uint32_t>(0xcfc, 0x1000);
  Out<uint32_t>(0xcf8, kWindow + 12);
  Out<uint32_t>(0xcfc, 4);
  Out<uint32_t>(0xcf8, kWindow + 16);
  Out<uint32_t>(0xcfc, 0);
}
#endif

struct Rule {
  std::string_view name;
  void (*break_it)();
};

constexpr Rule kRules[] = {
    {"hypercall", BadHypercall},
    {"stack", BadStack},
    {"stack-pages", BadStackPages},
    {"second-init", SecondInit},
    {"gate", BadGate},
    {"gdt-entry", BadGdtEntry},
    {"directory", BadDirectory},
    {"table-entry", BadTableEntry},
    {"large-page", BadLargePage},
    {"notify", BadNotify},
    {"index", IndexAhead},
    {"head", BadHead},
    {"next", BadNext},
    {"loop", Loop},
    {"address", BadAddress},
    {"high-address", HighAddress},
    {"length", BadLength},
    {"order", ReadableLast},
    {"nested-indirect", NestedIndirect},
    {"odd-indirect", OddIndirect},
    {"ring-flags", BadRingFlags},
    {"request", RequestWithoutAnswer},
#if HAS_PCI
    {"late-features", LateFeatures},
    {"enabled-queue", EnabledQueue},
    {"width", WrongWidth},
    {"read-only", ReadOnlyRegister},
    {"instruction", BadRegisterInstruction},
    {"early-enable", EarlyEnable},
    {"window", BadWindow},
#endif
};

}  // namespace

void BreakRule(std::string_view rule) {
  for (const Rule& each : kRules) {
    if (each.name == rule) each.break_it();
  }
}

}  // namespace guest
