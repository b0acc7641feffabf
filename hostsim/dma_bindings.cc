#include "hostsim/dma_bindings.h"

#include <algorithm>
#include <cstddef>

#include "hostsim/guest_death.h"

namespace lguest::hostsim {

bool DmaBindings::Bind(DmaKey key, GuestPhys array, uint32_t count, uint32_t irq) {
  if (irq == 0 || irq >= kInterrupts) return false;
  const auto slot = std::find_if(bindings_.begin(), bindings_.end(),
                                 [](const Binding& binding) { return binding.irq == 0; });
  if (slot == bindings_.end()) return false;
  *slot = {.key = key, .array = array, .count = count, .irq = irq};
  return true;
}

bool DmaBindings::Unbind(DmaKey key, GuestPhys array) {
  const auto slot = std::find_if(bindings_.begin(), bindings_.end(), [&](const Binding& binding) {
    return binding.irq != 0 && binding.key == key && binding.array == array;
  });
  if (slot == bindings_.end()) return false;
  *slot = {};
  return true;
}

absl::StatusOr<std::optional<BoundDma>> DmaBindings::FreeBuffer(const GuestMemory& memory,
                                                                DmaKey key) const {
  const auto binding = std::find_if(bindings_.begin(), bindings_.end(), [&](const Binding& bound) {
    return bound.irq != 0 && bound.key == key;
  });
  if (binding == bindings_.end()) return std::nullopt;
  for (uint32_t i = 0; i < binding->count; ++i) {
    const uint64_t dma = binding->array.value() + uint64_t{i} * sizeof(Dma);
    if (dma > UINT32_MAX || !memory.Contains(GuestPhys(static_cast<uint32_t>(dma)), sizeof(Dma))) {
      return GuestDeath("bad read address 0x%x len %u", dma, sizeof(Dma));
    }
    const GuestPhys addr(static_cast<uint32_t>(dma));
    if (*memory.Read<uint32_t>(addr) == 0) return BoundDma{.dma = addr, .irq = binding->irq};
  }
  return std::nullopt;
}

}  // namespace lguest::hostsim
