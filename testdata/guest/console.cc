#include "testdata/guest/console.h"

#include <array>

#include "launcher/guest/abi.h"
#include "testdata/guest/devices.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/memory.h"
#include "testdata/guest/timer.h"

namespace guest {
namespace {

constexpr uint32_t kConsoleKey = 0;
constexpr uint32_t kInputBytes = 256;

char input_buffer[kInputBytes];
lguest::Dma input_dma;

// Input that ReadConsole() has not returned yet.
std::array<char, 4 * kInputBytes> queue;
uint32_t queue_start;
uint32_t queue_size;

// Moves the input to the queue. If the queue has no room, the buffer stays in use, and the launcher
// holds further input back.
void TakeInput() {
  const uint32_t received = ReadOnce(input_dma.used_len);
  if (received == 0 || received > kInputBytes || queue.size() - queue_size < received) return;
  for (uint32_t i = 0; i < received; ++i) {
    queue[(queue_start + queue_size++) % queue.size()] = ReadOnce(input_buffer[i]);
  }
  WriteOnce(input_dma.used_len, 0u);
}

void HandleConsoleInterrupt(TrapFrame& /*frame*/) { TakeInput(); }

}  // namespace

void WriteConsole(std::string_view text) {
  if (text.empty()) return;
  lguest::Dma dma = {};
  dma.addr[0] = ToPhys(text.data());
  dma.len[0] = static_cast<uint16_t>(text.size());
  // When this returns, the launcher has read the text.
  CallHost(Hypercall::kSendDma, kConsoleKey, ToPhys(&dma));
}

void InitConsoleInput() {
  const std::optional<Device> console = FindDevice(lguest::DeviceType::kConsole);
  if (!console) return;
  input_dma.addr[0] = ToPhys(input_buffer);
  input_dma.len[0] = kInputBytes;
  SetInterruptHandler(console->irq, HandleConsoleInterrupt);
  BindDma(kConsoleKey, {&input_dma, 1}, console->irq);
  AcceptDevice(*console);
}

std::optional<char> ReadConsole(uint32_t timeout_ms) {
  if (!WaitFor([] { return ReadOnce(queue_size) > 0; }, timeout_ms)) return std::nullopt;
  const InterruptsOff off;
  const char c = queue[queue_start];
  queue_start = (queue_start + 1) % queue.size();
  --queue_size;
  TakeInput();
  return c;
}

std::optional<std::string_view> ReadLine(std::span<char> line, uint32_t timeout_ms) {
  constexpr char kBackspace = '\b';
  constexpr char kDelete = 0x7f;
  size_t size = 0;
  for (;;) {
    const std::optional<char> c = ReadConsole(timeout_ms);
    if (!c) return std::nullopt;
    if (*c == '\r' || *c == '\n') {
      Print("\r\n");
      return std::string_view(line.data(), size);
    }
    if (*c == kBackspace || *c == kDelete) {
      if (size == 0) continue;
      --size;
      Print("\b \b");
    } else if (*c >= ' ' && size < line.size()) {
      line[size++] = *c;
      Print(*c);
    }
  }
}

}  // namespace guest
