// Tests of console, disk and network with the backends of the launcher.

#include <algorithm>
#include <array>

#include "testdata/guest/block.h"
#include "testdata/guest/boot.h"
#include "testdata/guest/console.h"
#include "testdata/guest/devices.h"
#include "testdata/guest/memory.h"
#include "testdata/guest/net.h"
#include "testdata/guest/ping.h"
#include "testdata/guest/tests.h"

namespace guest {
namespace {

constexpr uint32_t kDiskTestBytes = 32 * 1024;

char PatternByte(uint32_t sector, uint32_t at) {
  return static_cast<char>((sector + at) * 37 + (at >> 8));
}

TestResult TestSectors(Disk& disk, uint32_t start, std::span<char> saved, std::span<char> pattern) {
  if (!disk.Read(start, saved)) return Fail("cannot read sector ", start);
  for (uint32_t i = 0; i < pattern.size(); ++i) pattern[i] = PatternByte(start, i);
  if (!disk.Write(start, pattern)) return Fail("cannot write sector ", start);
  memset(pattern.data(), 0, pattern.size());
  const bool read = disk.Read(start, pattern);
  const bool restored = disk.Write(start, saved);
  if (!read || !restored) return Fail("cannot read and write sector ", start, " again");
  for (uint32_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != PatternByte(start, i)) {
      return Fail("sector ", start + i / lguest::kSectorSize, " differs");
    }
  }
  return Pass();
}

}  // namespace

// One DMA of many sections. Some of them cross a page.
TestResult TestConsoleOutput() {
  static char text[2 * kPageSize];
  memset(text, '.', sizeof(text));
  lguest::Dma dma = {};
  const char* page_end = ToVirt<char>(PageAlignUp(ToPhys(text)));
  for (uint32_t i = 0; i < lguest::kMaxDmaSections - 1; ++i) {
    dma.addr[i] = ToPhys(page_end - 2);
    dma.len[i] = 4;
  }
  constexpr std::string_view kEnd = "\r\n";
  dma.addr[lguest::kMaxDmaSections - 1] = ToPhys(kEnd.data());
  dma.len[lguest::kMaxDmaSections - 1] = kEnd.size();
  SendDma(0, dma);
  return Pass();
}

TestResult TestConsoleInput() {
  constexpr uint32_t kTimeoutMs = 3000;
  static std::array<char, 200> line;
  Print("type a line: ");
  const std::optional<std::string_view> input = ReadLine(line, kTimeoutMs);
  if (!input) {
    Print("\r\n");
    return Skip("no line within ", kTimeoutMs, " ms");
  }
  Print("read [", *input, "]\r\n");
  return Pass();
}

// Writes a pattern, reads it back, and restores the old data.
TestResult TestDisk() {
  if (Disks().empty()) return Skip("no block device");
  // Pieces begin and end in the middle of pages, but not of sectors: a launcher that uses direct
  // I/O could not transfer partial sectors.
  alignas(kPageSize) static std::array<char, 2 * kDiskTestBytes + lguest::kSectorSize> memory;
  for (Disk& disk : Disks()) {
    const uint32_t sectors = std::min(disk.sectors(), kDiskTestBytes / lguest::kSectorSize);
    if (sectors == 0) return Fail("a disk without sectors");
    const uint32_t bytes = sectors * lguest::kSectorSize;
    const std::span<char> saved(&memory[lguest::kSectorSize], bytes);
    const std::span<char> pattern(&memory[lguest::kSectorSize + bytes], bytes);
    for (const uint32_t start : {uint32_t{0}, disk.sectors() - sectors}) {
      TestResult result = TestSectors(disk, start, saved, pattern);
      if (result.kind != TestResult::Kind::kPass) return result;
    }
  }
  return Pass();
}

// Requests beyond the end fail and change nothing.
TestResult TestDiskEnd() {
  if (Disks().empty()) return Skip("no block device");
  alignas(kPageSize) static std::array<char, 2 * lguest::kSectorSize> memory;
  for (Disk& disk : Disks()) {
    const uint32_t end = disk.sectors();
    if (!disk.Read(end - 1, std::span(memory).first<lguest::kSectorSize>())) {
      return Fail("cannot read the last sector");
    }
    if (disk.Read(end, memory)) return Fail("read beyond the end");
    if (disk.Read(end - 1, memory)) return Fail("read across the end");
    if (disk.Write(end, memory)) return Fail("wrote beyond the end");
    if (disk.Write(end - 1, memory)) return Fail("wrote across the end");
    if (disk.sectors() != end) return Fail("the disk changed its size");
  }
  return Pass();
}

TestResult TestNet() {
  NetInterface* interface = FirstNetInterface();
  if (interface == nullptr) return Skip("no network device");
  const std::optional<IpAddress> own = ParseIp(Option("ip").value_or(""));
  const std::optional<IpAddress> gateway = ParseIp(Option("gw").value_or(""));
  if (!own || !gateway) return Skip("no ip=A.B.C.D and gw=A.B.C.D on the command line");
  Pinger pinger(*interface, *own);
  if (!pinger.Resolve(*gateway)) return Fail("no answer to ARP");
  constexpr uint32_t kLargest = 1472;
  uint16_t sequence = 0;
  for (const uint32_t bytes : {uint32_t{0}, uint32_t{56}, uint32_t{1001}, kLargest}) {
    if (!pinger.Ping(++sequence, bytes)) return Fail("no answer to a ping of ", bytes, " bytes");
  }
  return Pass();
}

TestResult TestNetAnswer() {
  constexpr uint32_t kPings = 4;
  constexpr uint32_t kTimeoutMs = 20'000;
  NetInterface* interface = FirstNetInterface();
  if (interface == nullptr) return Skip("no network device");
  const std::optional<IpAddress> own = ParseIp(Option("ip").value_or(""));
  if (!own) return Skip("no ip=A.B.C.D on the command line");
  Pinger pinger(*interface, *own);
  const uint32_t answered = pinger.Answer(kPings, kTimeoutMs);
  if (answered != kPings) return Fail("answered ", answered, " pings");
  return Pass();
}

}  // namespace guest
