// Console, disk and network, each against whatever the launcher has behind it.

#include <array>

#include "testdata/guest/boot.h"
#include "testdata/guest/console.h"
#include "testdata/guest/devices.h"
#include "testdata/guest/memory.h"
#include "testdata/guest/tests.h"

namespace guest {

// One DMA of many pieces, some of them across a page.
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

TestResult TestDisk() { return Skip("no block device"); }
TestResult TestNet() { return Skip("no network device"); }
TestResult TestNetAnswer() { return Skip("no network device"); }

}  // namespace guest
