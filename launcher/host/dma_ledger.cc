#include "launcher/host/dma_ledger.h"

#include <algorithm>

namespace lguest {

void DmaLedger::Snapshot(const GuestMemory& memory, DmaKey key) {
  key_ = key;
  for (Entry& entry : entries_) {
    if (entry.key == key) entry.used_len = memory.Read<uint32_t>(entry.dma).value_or(0);
  }
}

uint32_t DmaLedger::RecordHandout(GuestPhys dma) {
  const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.key == key_ && entry.dma == dma;
  });
  if (known != entries_.end()) {
    known->handed_out = ++times_;
    return known->used_len;
  }
  if (entries_.size() == kMaxEntries) {
    entries_.erase(std::min_element(
        entries_.begin(), entries_.end(),
        [](const Entry& a, const Entry& b) { return a.handed_out < b.handed_out; }));
  }
  entries_.push_back({.key = key_, .dma = dma, .used_len = 0, .handed_out = ++times_});
  return 0;
}

}  // namespace lguest
