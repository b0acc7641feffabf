// Hypercalls, and the structure that guest and host share (VIRTIO_ABI.md §3, §4).

#ifndef TESTDATA_VIRTIO_GUEST_HOST_H_
#define TESTDATA_VIRTIO_GUEST_HOST_H_

#include <cstdint>
#include <string_view>

#include "testdata/guest/memory.h"
#include "testdata/virtio_guest/generation.h"

extern "C" unsigned char lguest_data[];

namespace guest {

// Numbers of hypercalls.
inline constexpr uint32_t kFlushAsync = 0;
inline constexpr uint32_t kShutdown = 2;
inline constexpr uint32_t kLoadGdt = 3;
inline constexpr uint32_t kNewPgtable = 4;
inline constexpr uint32_t kFlushTlb = 5;
inline constexpr uint32_t kLoadIdtEntry = 6;
inline constexpr uint32_t kSetStack = 7;
inline constexpr uint32_t kTs = 8;
inline constexpr uint32_t kSetClockevent = 9;
inline constexpr uint32_t kHalt = 10;
inline constexpr uint32_t kSetMiddleEntry = 13;
inline constexpr uint32_t kSetPte = 14;
inline constexpr uint32_t kSetTopEntry = 15;
inline constexpr uint32_t kNotify = 17;
inline constexpr uint32_t kLoadGdtEntry = 18;
inline constexpr uint32_t kSendInterrupts = 19;

void CallHost(uint32_t number, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0, uint32_t d = 0);

// Puts a hypercall into the next entry of the ring.
void CallHostLater(uint32_t number, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0);

// A word of lguest_data.
inline uint32_t& DataField(uint32_t offset) {
  return *reinterpret_cast<uint32_t*>(lguest_data + offset);
}
inline constexpr uint32_t kIrqEnabled = 0;
inline constexpr uint32_t kBlockedInterrupts = 4;
inline constexpr uint32_t kCr2 = 8;

inline constexpr uint32_t kInterruptFlag = 0x200;
inline void EnableInterrupts() { WriteOnce(DataField(kIrqEnabled), kInterruptFlag); }
inline void DisableInterrupts() { WriteOnce(DataField(kIrqEnabled), 0u); }

// The end of the guest.
[[noreturn]] void Crash(std::string_view reason);
[[noreturn]] void PowerOff();
[[noreturn]] void Restart();

// Ports.
template <typename T>
T In(uint16_t port) {
  T value;
  asm volatile("in %1, %0" : "=a"(value) : "d"(port));
  return value;
}
template <typename T>
void Out(uint16_t port, T value) {
  asm volatile("out %0, %1" : : "a"(value), "d"(port) : "memory");
}

}  // namespace guest

#endif  // TESTDATA_VIRTIO_GUEST_HOST_H_
