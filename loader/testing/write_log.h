// Remembers what a loader announces as written.

#ifndef LOADER_TESTING_WRITE_LOG_H_
#define LOADER_TESTING_WRITE_LOG_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::loader {

// Observes `memory`, which outlives it.
class WriteLog final : public WriteObserver {
 public:
  explicit WriteLog(GuestMemory& memory) : memory_(memory) { memory.set_write_observer(this); }
  ~WriteLog() override { memory_.set_write_observer(nullptr); }
  WriteLog(const WriteLog&) = delete;
  WriteLog& operator=(const WriteLog&) = delete;

  void OnWrite(GuestPhys address, uint32_t len) override { writes_.emplace_back(address, len); }

  // True if exactly this range has been announced.
  bool Has(GuestPhys address, uint32_t len) const {
    return std::find(writes_.begin(), writes_.end(), std::pair(address, len)) != writes_.end();
  }

 private:
  GuestMemory& memory_;
  std::vector<std::pair<GuestPhys, uint32_t>> writes_;
};

}  // namespace lguest::loader

#endif  // LOADER_TESTING_WRITE_LOG_H_
