// Tests of the initial state that launcher and host provide (ABI.md §3).

#include "testdata/guest/boot.h"
#include "testdata/guest/console.h"
#include "testdata/guest/devices.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/memory.h"
#include "testdata/guest/tests.h"

namespace guest {

TestResult TestBoot() {
  constexpr uint32_t kRam = 1;
  constexpr uint32_t kPlatformLguest = 1;
  constexpr uint32_t kReservedTop = 4u << 20;
  const BootInfo& boot = GetBootInfo();
  if (boot.e820_entries != 1) return Fail(boot.e820_entries, " e820 entries");
  if (boot.e820_start != 0) return Fail("memory does not start at 0");
  if (boot.e820_type != kRam) return Fail("e820 type ", boot.e820_type);
  if (boot.memory_bytes % kPageSize != 0) return Fail("memory size ", Hex{boot.memory_bytes});
  if (boot.platform != kPlatformLguest) return Fail("platform ", boot.platform);
  if (lguest_data.reserve_mem != kReservedTop) {
    return Fail("reserve_mem ", Hex{lguest_data.reserve_mem});
  }
  if (lguest_data.time.sec == 0) return Fail("no time of day");
  return Pass();
}

TestResult TestInitrd() {
  constexpr uint32_t kLoaderWithInitrd = 0xff;
  const BootInfo& boot = GetBootInfo();
  if (boot.initrd.empty()) return Skip("no initrd");
  if (boot.loader_type != kLoaderWithInitrd) return Fail("loader type ", boot.loader_type);
  const uint32_t start = ToPhys(boot.initrd.data());
  if (start % kPageSize != 0) return Fail("starts at ", Hex{start});
  if (PageAlignUp(start + boot.initrd.size()) != boot.memory_bytes) {
    return Fail("ends at ", Hex{start + boot.initrd.size()}, ", not at the top of memory");
  }
  if (boot.memory_bytes > kMaxLinearBytes) return Skip("beyond the memory that this kernel maps");
  uint32_t sum = 0;
  for (const uint8_t byte : boot.initrd) sum = sum * 31 + byte;
  for (uint32_t at = start + boot.initrd.size(); at < boot.memory_bytes; ++at) {
    if (*ToVirt<uint8_t>(at) != 0) return Fail("not padded with zeros");
  }
  Print("initrd: ", boot.initrd.size(), " bytes, checksum ", Hex{sum}, "\r\n");
  return Pass();
}

TestResult TestDevices() {
  const uint32_t first_page = GetBootInfo().memory_bytes / kPageSize + 1;
  bool at_end = false;
  uint32_t next_page = first_page;
  uint32_t consoles = 0;
  for (const lguest::DeviceDescriptor& descriptor : DeviceTable()) {
    if (descriptor.type == 0) {
      at_end = true;
      continue;
    }
    if (at_end) return Fail("a device after an empty entry");
    if (descriptor.type == static_cast<uint16_t>(lguest::DeviceType::kConsole)) ++consoles;
    if (descriptor.num_pages == 0) continue;
    if (descriptor.pfn != next_page) {
      return Fail("page ", descriptor.pfn, ", expected page ", next_page);
    }
    next_page += descriptor.num_pages;
  }
  if (consoles != 1) return Fail(consoles, " consoles");
  return Pass();
}

}  // namespace guest
