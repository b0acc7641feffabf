#include "testdata/virtio_guest/host.h"

#include <algorithm>

namespace guest {
namespace {

constexpr uint32_t kRingSize = 64;
constexpr uint32_t kReasonBytes = 128;  // that the host reads
constexpr uint32_t kPowerOff = 1;
constexpr uint32_t kRestart = 2;

char reason_text[kReasonBytes];
uint32_t next_slot;

[[noreturn]] void End(std::string_view reason, uint32_t how) {
  const size_t length = std::min<size_t>(reason.size(), kReasonBytes - 1);
  memcpy(reason_text, reason.data(), length);
  reason_text[length] = '\0';
  CallHost(kShutdown, ToPhys(reason_text), how);
  for (;;) {
  }
}

}  // namespace

void CallHost(uint32_t number, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
#if !ARGUMENTS_FROM_EBX
  static_cast<void>(d);
  asm volatile("int $0x1f" : "+a"(number) : "d"(a), "b"(b), "c"(c) : "memory");
#elif CALLS_BY_VMCALL
  asm volatile(".byte 0x0f, 0x01, 0xc1" : "+a"(number) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
#else
  asm volatile("int $0x1f" : "+a"(number) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
#endif
}

void CallHostLater(uint32_t number, uint32_t a, uint32_t b, uint32_t c) {
  const uint32_t slot = next_slot;
  next_slot = (next_slot + 1) % kRingSize;
  uint32_t* const entry = &DataField(DATA_HCALLS + slot * RING_ENTRY_WORDS * 4);
  entry[0] = number;
#if OLD_RING_ORDER
  entry[1] = b;
  entry[2] = c;
  entry[3] = a;
#else
  entry[1] = a;
  entry[2] = b;
  entry[3] = c;
#endif
  // The arguments must be in memory before the host sees the entry.
  asm volatile("" : : : "memory");
  WriteOnce(lguest_data[DATA_HCALL_STATUS + slot], static_cast<unsigned char>(0));
}

void Crash(std::string_view reason) { End(reason, kPowerOff); }
void PowerOff() { End("Power down", kPowerOff); }
void Restart() { End("Restarting system", kRestart); }

}  // namespace guest
