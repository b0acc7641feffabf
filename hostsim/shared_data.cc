#include "hostsim/shared_data.h"

namespace lguest::hostsim {

absl::StatusOr<SharedData> SharedData::At(GuestMemory& memory, GuestPhys addr) {
  if (absl::StatusOr<LguestData> whole = memory.Read<LguestData>(addr); !whole.ok()) {
    return whole.status();
  }
  return SharedData(memory, addr);
}

}  // namespace lguest::hostsim
