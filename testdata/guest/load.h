// Keeps a disk and a network busy, for tests that kill the launcher.

#ifndef TESTDATA_GUEST_LOAD_H_
#define TESTDATA_GUEST_LOAD_H_

#include <cstdint>

namespace guest {

// Writes to the first disk forever, with the numbers `first`, `first` + 1 and so on. Write n fills
// 1 + n % kMostLoadSectors sectors from sector n * kLoadStep % (sectors - kMostLoadSectors) on with
// the number n, as words. The line "wrote n" follows once the launcher has acknowledged it. With
// each write goes a packet to all peers of the first network, and some packets of others are
// checked. Crashes if something fails. tools/soak knows all this.
[[noreturn]] void RunLoad(uint32_t first);

inline constexpr uint32_t kMostLoadSectors = 8;
inline constexpr uint32_t kLoadStep = 7919;

}  // namespace guest

#endif  // TESTDATA_GUEST_LOAD_H_
