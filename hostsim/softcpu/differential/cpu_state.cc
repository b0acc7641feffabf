#include "hostsim/softcpu/differential/cpu_state.h"

#include <cstring>

namespace lguest::hostsim {

FpuState DecodeFxsave(const uint8_t* image) {
  constexpr size_t kMxcsr = 24;
  constexpr size_t kSt = 32;
  constexpr size_t kXmm = 160;
  constexpr size_t kSlot = 16;
  FpuState state;
  std::memcpy(&state.control, image, sizeof(state.control));
  std::memcpy(&state.status, image + 2, sizeof(state.status));
  state.in_use = image[4];
  std::memcpy(&state.mxcsr, image + kMxcsr, sizeof(state.mxcsr));
  for (size_t i = 0; i < state.st.size(); ++i) {
    std::memcpy(state.st[i].data(), image + kSt + i * kSlot, state.st[i].size());
    std::memcpy(state.xmm[i].data(), image + kXmm + i * kSlot, state.xmm[i].size());
  }
  return state;
}

}  // namespace lguest::hostsim
