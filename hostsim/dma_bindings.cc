#include "hostsim/dma_bindings.h"

#include <algorithm>
#include <cstddef>

#include "hostsim/guest_death.h"

namespace lguest::hostsim {

bool DmaBindings::Bind(DmaKey key, GuestPhys array, uint32_t count, uint32_t irq) {
  if (irq == 0 || irq >= kInterrupts || bindings_.size() == kMaxDmaBindings) return false;
  bindings_.push_back({.key = key, .array = array, .count = count, .irq = irq});
  return true;
}

bool DmaBindings::Unbind(DmaKey key, GuestPhys array) {
  const auto binding = std::find_if(bindings_.begin(), bindings_.end(), [&](const Binding& bound) {
    return bound.key == key && bound.array == array;
  });
  if (binding == bindings_.end()) return false;
  bindings_.erase(binding);
  return true;
}

absl::StatusOr<std::optional<BoundDma>> DmaBindings::NextBuffer(const GuestMemory& memory,
                                                                DmaKey key, Quirks quirks) const {
  const auto binding = std::find_if(bindings_.rbegin(), bindings_.rend(),
                                    [&](const Binding& bound) { return bound.key == key; });
  if (binding == bindings_.rend()) return std::nullopt;
  std::optional<BoundDma> last;
  for (uint32_t i = 0; i < binding->count; ++i) {
    const uint64_t dma = binding->array.value() + uint64_t{i} * sizeof(Dma);
    const GuestPhys addr(static_cast<uint32_t>(dma));
    if (dma > UINT32_MAX || !memory.Contains(addr, sizeof(Dma)) ||
        QuirkRejects(quirks, memory, addr, sizeof(Dma))) {
      return GuestDeath("bad read address 0x%x len %u", dma, sizeof(Dma));
    }
    last = BoundDma{.dma = addr, .irq = binding->irq};
    if (*memory.Read<uint32_t>(addr) == 0) return last;
  }
  return quirks == Quirks::kLinux2623 ? last : std::nullopt;
}

}  // namespace lguest::hostsim
