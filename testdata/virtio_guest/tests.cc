#include "testdata/virtio_guest/tests.h"

#include <span>

#include "testdata/guest/memory.h"
#include "testdata/virtio_guest/devices.h"
#include "testdata/virtio_guest/host.h"
#include "testdata/virtio_guest/paging.h"
#include "testdata/virtio_guest/traps.h"

extern "C" [[noreturn]] void EnterUser(uint32_t eip, uint32_t esp);

namespace guest {
namespace {

using lguest::VirtioType;

// The result of a test: the reason of its failure.
using Why = const char*;
constexpr Why kPass = nullptr;
constexpr char kSkip[] = "skip";

// Buffers of devices, in the linear map.
alignas(kPageSize) unsigned char buffer[2 * kPageSize];
alignas(kPageSize) unsigned char user_page[kPageSize];
lguest::VirtioBlockHeader2624 block_header;
unsigned char block_status;

uint32_t ram_bytes;

Why TestBoot() {
  constexpr uint32_t kLoadFlags = 0x211;
  constexpr uint32_t kPlatform = 0x23c;
  if (*ToVirt<uint32_t>(kPlatform) != 1) return "platform type";
  if ((*ToVirt<unsigned char>(kLoadFlags) & 0x40) == 0) return "load flags";
  if (DataField(DATA_RESERVE_MEM) != 4u << 20) return "reserve_mem";
  if (DataField(12) == 0) return "time";
#if HAS_PGDIR
  if (DataField(DATA_PGDIR) == 0) return "pgdir";
#endif
  return kPass;
}

Why TestTimer() {
  const uint32_t before = Interrupts(kTimer);
  Sleep(1'000'000);
  return Interrupts(kTimer) == before + 1 ? kPass : "no interrupt";
}

Why TestRing() {
  const uint32_t before = Interrupts(kTimer);
  CallHostLater(kSetClockevent, 1'000'000);
  CallHostLater(kFlushTlb, 1);
  CallHost(kFlushAsync);
  for (uint32_t slot = 0; slot < 2; ++slot) {
    if (lguest_data[DATA_HCALL_STATUS + slot] != 0xff) return "not executed";
  }
  CallHost(kHalt);
  DisableInterrupts();
  return Interrupts(kTimer) == before + 1 ? kPass : "no interrupt";
}

Why TestIrqPending() {
#if HAS_IRQ_PENDING
  const uint32_t before = Interrupts(kTimer);
  CallHost(kSetClockevent, 100'000);
  while (ReadOnce(DataField(DATA_IRQ_PENDING)) == 0) {
  }
  if (Interrupts(kTimer) != before) return "interrupt while they are off";
  EnableInterrupts();
  CallHost(kSendInterrupts);
  DisableInterrupts();
  if (Interrupts(kTimer) != before + 1) return "no interrupt";
  return ReadOnce(DataField(DATA_IRQ_PENDING)) == 0 ? kPass : "still pending";
#else
  return kSkip;
#endif
}

// Interrupts while code with interrupts on runs, and returns from each.
Why TestInterruptReturn() {
  const uint32_t before = Interrupts(kTimer);
  for (uint32_t round = 0; round < 200; ++round) {
    CallHost(kSetClockevent, 20'000);
    EnableInterrupts();
    while (Interrupts(kTimer) == before + round) {
    }
    if (ReadOnce(DataField(kIrqEnabled)) == 0) return "interrupts are off after iret";
    DisableInterrupts();
  }
  return kPass;
}

Why TestSystemCall() {
  // mov $0x1234,%eax; int $0x80
  static constexpr unsigned char kCode[] = {0xb8, 0x34, 0x12, 0, 0, 0xcd, 0x80};
  static uint32_t user_address;
  memcpy(user_page, kCode, sizeof(kCode));
  user_address = MapPages(ToPhys(user_page), 1, kWritable | kUser);
  const CaughtTrap trap = CatchTrap([] { EnterUser(user_address, user_address + kPageSize); });
  if (!trap.caught || trap.vector != 0x80 || trap.eax != 0x1234) return "no system call";
  const bool is_off = trap.irq_enabled == 0;
  return is_off == SYSTEM_CALL_IS_INTERRUPT_GATE ? kPass : "irq_enabled";
}

Why TestPageFault() {
  const CaughtTrap trap = CatchTrap([] { WriteRegister(0xe0001234, 1u); });
  if (!trap.caught || trap.vector != 14) return "no page fault";
  return trap.address == 0xe0001234 && trap.error == 2 ? kPass : "report";
}

Why TestPageTables() {
  WriteRegister(reinterpret_cast<uint32_t>(buffer), 0x11111111u);
  WriteRegister(reinterpret_cast<uint32_t>(buffer) + kPageSize, 0x22222222u);
  const uint32_t address = MapPages(ToPhys(buffer), 1, kWritable);
  if (ReadRegister<uint32_t>(address) != 0x11111111) return "first page";
  MapPage(address, ToPhys(buffer) + kPageSize,
          HAS_WRITE_THROUGH ? kWritable | kUncached | kWriteThrough : kWritable);
  return ReadRegister<uint32_t>(address) == 0x22222222 ? kPass : "second page";
}

Why TestPorts() {
  asm volatile("cli");
  if (In<uint8_t>(0x80) != 0xff || In<uint16_t>(0x80) != 0xffff) return "not all ones";
  if (In<uint32_t>(0x80) != 0xffffffff) return "not all ones";
  Out<uint8_t>(0x80, 1);
#if HAS_PCI
  if (In<uint8_t>(0x64) != 1) return "keyboard controller";
#endif
  return kPass;
}

// One request. Returns its status; ~0: it was not answered.
uint32_t BlockRequest(uint32_t type, uint64_t sector, uint32_t size) {
  Device* const disk = FindDevice(VirtioType::kBlock);
  block_header.header = {.type = type, .priority = 0, .sector = sector};
  block_status = 0x77;
  const bool is_read = type == lguest::kVirtioBlockRead;
  const Piece pieces[] = {{.data = &block_header, .size = BLOCK_HEADER_SIZE},
                          {.data = buffer, .size = size, .is_writable = is_read},
                          {.data = &block_status, .size = 1, .is_writable = true}};
  const Piece flush[] = {pieces[0], pieces[2]};
  const uint32_t used = Transfer(*disk, 0, size == 0 ? std::span<const Piece>(flush) : pieces);
  if (used != (is_read && block_status == 0 ? size + 1 : 1)) return ~0u;
  return block_status;
}

Why TestDisk() {
  Device* const disk = FindDevice(VirtioType::kBlock);
  if (disk == nullptr) return kSkip;
  const auto sectors = ReadRegister<uint32_t>(disk->config);
  for (uint32_t i = 0; i < sizeof(buffer); ++i) buffer[i] = static_cast<unsigned char>(i * 7);
  if (BlockRequest(lguest::kVirtioBlockWrite, sectors - 16, sizeof(buffer)) != 0) return "write";
  memset(buffer, 0, sizeof(buffer));
  if (BlockRequest(lguest::kVirtioBlockRead, sectors - 16, sizeof(buffer)) != 0) return "read";
  for (uint32_t i = 0; i < sizeof(buffer); ++i) {
    if (buffer[i] != static_cast<unsigned char>(i * 7)) return "contents";
  }
  if (BlockRequest(lguest::kVirtioBlockFlushRequest, 0, 0) != 0) return "flush";
  if (BlockRequest(lguest::kVirtioBlockRead, sectors, 512) != 1) return "beyond the end";
  if (BlockRequest(2, 0, 512) != 2) return "unknown request";
  ResetDevice(*disk);
  if (BlockRequest(lguest::kVirtioBlockRead, 0, 512) != 0) return "after a reset";
  return kPass;
}

Why TestIndirect() {
  Device* const disk = FindDevice(VirtioType::kBlock);
  if (disk == nullptr || (disk->accepted & lguest::kVirtioIndirect) == 0) return kSkip;
  static lguest::VirtqDescriptor table[3];
  block_header.header = {.type = lguest::kVirtioBlockRead, .priority = 0, .sector = 0};
  block_status = 0x77;
  table[0] = {.address = ToPhys(&block_header),
              .length = BLOCK_HEADER_SIZE,
              .flags = lguest::kVirtqNext,
              .next = 1};
  table[1] = {.address = ToPhys(buffer),
              .length = 512,
              .flags = lguest::kVirtqNext | lguest::kVirtqWrite,
              .next = 2};
  table[2] = {
      .address = ToPhys(&block_status), .length = 1, .flags = lguest::kVirtqWrite, .next = 0};
  const Piece whole[] = {{.data = table, .size = sizeof(table)}};
  disk->queue[0].Add(whole);
  disk->queue[0].descriptor(0).flags = lguest::kVirtqIndirect;
  NotifyDevice(*disk, 0);
  if (!WaitFor([&] { return disk->queue[0].HasUsed(); })) return "no answer";
  return disk->queue[0].Take() == 513 && block_status == 0 ? kPass : "answer";
}

Why TestRandom() {
  Device* const rng = FindDevice(VirtioType::kRng);
  if (rng == nullptr) return "no device";
  memset(buffer, 0, 64);
  const Piece pieces[] = {{.data = buffer, .size = 64, .is_writable = true}};
  if (Transfer(*rng, 0, pieces) != 64) return "length";
  unsigned char all = 0;
  for (uint32_t i = 0; i < 64; ++i) all |= buffer[i];
  return all != 0 ? kPass : "zeroes";
}

// A line that somebody types.
Why TestConsoleInput() {
  Device* const console = FindDevice(VirtioType::kConsole);
  std::string_view line;
  while (!line.ends_with('\r') && line.size() < 100) {
    const Piece pieces[] = {{.data = buffer + line.size(), .size = 64, .is_writable = true}};
    const uint32_t length = Transfer(*console, 0, pieces);
    if (length > 64) return "no input";
    line = {reinterpret_cast<const char*>(buffer), line.size() + length};
  }
  return line == "typed\r" ? kPass : "contents";
}

// Sends a broadcast until somebody answers, or answers the first packet.
Why Talk(bool starts) {
  Device* const net = FindDevice(VirtioType::kNet);
  if (net == nullptr) return "no network";
  unsigned char* const received = buffer;
  unsigned char* const sent = buffer + kPageSize;
  const Piece in[] = {{.data = received, .size = NET_HEADER_SIZE + 1514, .is_writable = true}};
  net->queue[0].Add(in);
  NotifyDevice(*net, 0);
  memset(sent, 0, NET_HEADER_SIZE);
  memset(sent + NET_HEADER_SIZE, 0xff, 6);
  for (uint32_t i = 0; i < 6; ++i) {
    sent[NET_HEADER_SIZE + 6 + i] = ReadRegister<unsigned char>(net->config + i);
  }
  memcpy(sent + NET_HEADER_SIZE + 14, starts ? "hello" : "reply", 5);
  const Piece out[] = {{.data = sent, .size = NET_HEADER_SIZE + 60}};
  for (int attempt = 0; attempt < 1000; ++attempt) {
    if (starts && Transfer(*net, 1, out) == ~0u) return "sending";
    for (int i = 0; i < 10 && !net->queue[0].HasUsed(); ++i) Sleep(1'000'000);
    if (!net->queue[0].HasUsed()) continue;
    const uint32_t length = net->queue[0].Take();
    if (length != NET_HEADER_SIZE + 60) return "length";
    if (memcmp(received + NET_HEADER_SIZE + 14, starts ? "reply" : "hello", 5) != 0) {
      return "contents";
    }
    if (!starts && Transfer(*net, 1, out) == ~0u) return "sending";
    return kPass;
  }
  return "no packet";
}

Why TestNet() { return Talk(true); }
Why TestNetAnswer() { return Talk(false); }

// Counts the lives of the guest in the disk's first sector, and starts again twice.
Why TestRestart() {
#if HAS_SHUTDOWN
  if (FindDevice(VirtioType::kBlock) == nullptr) return "no disk";
  if (BlockRequest(lguest::kVirtioBlockRead, 0, 512) != 0) return "read";
  if (++buffer[0] == 3) return kPass;
  if (BlockRequest(lguest::kVirtioBlockWrite, 0, 512) != 0) return "write";
  Restart();
#else
  return kSkip;
#endif
}

struct Test {
  std::string_view name;
  Why (*run)();
  bool is_alone;  // needs a user or a partner
};

constexpr Test kTests[] = {
    {"boot", TestBoot, false},
    {"timer", TestTimer, false},
    {"ring", TestRing, false},
    {"irq-pending", TestIrqPending, false},
    {"interrupt-return", TestInterruptReturn, false},
    {"system-call", TestSystemCall, false},
    {"page-fault", TestPageFault, false},
    {"page-tables", TestPageTables, false},
    {"ports", TestPorts, false},
    {"disk", TestDisk, false},
    {"indirect", TestIndirect, false},
    {"random", TestRandom, false},
    {"console-in", TestConsoleInput, true},
    {"net", TestNet, true},
    {"net-answer", TestNetAnswer, true},
    {"restart", TestRestart, true},
};

}  // namespace

void Print(std::string_view text) {
  Device* const console = FindDevice(VirtioType::kConsole);
  static char copy[256];
  memcpy(copy, text.data(), text.size());
  const Piece pieces[] = {{.data = copy, .size = text.size()}};
  if (Transfer(*console, 1, pieces) == ~0u) Crash("the console does not answer");
}

bool RunTests(std::string_view name, uint32_t ram) {
  ram_bytes = ram;
  bool good = true;
  for (const Test& test : kTests) {
    if (name == "all" ? test.is_alone : name != test.name) continue;
    TakeInterrupts();
    const Why why = test.run();
    if (why == kPass) {
      Print(Text("PASS ", test.name, "\r\n").View());
    } else if (why == kSkip) {
      Print(Text("SKIP ", test.name, "\r\n").View());
    } else {
      Print(Text("FAIL ", test.name, ": ", why, "\r\n").View());
      good = false;
    }
  }
  return good;
}

}  // namespace guest
