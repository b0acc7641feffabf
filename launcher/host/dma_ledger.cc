#include "launcher/host/dma_ledger.h"

#include <algorithm>

namespace lguest {

void DmaLedger::Look(const GuestMemory& memory, DmaKey key) {
  key_ = key;
  for (Entry& entry : entries_) {
    if (entry.key == key) entry.used_len = memory.Read<uint32_t>(entry.dma).value_or(0);
  }
}

uint32_t DmaLedger::HandOut(GuestPhys dma) {
  const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.key == key_ && entry.dma == dma;
  });
  if (known != entries_.end()) {
    std::rotate(known, known + 1, entries_.end());
    return entries_.back().used_len;
  }
  if (entries_.size() == kMaxEntries) entries_.erase(entries_.begin());
  entries_.push_back({.key = key_, .dma = dma, .used_len = 0});
  return 0;
}

}  // namespace lguest
