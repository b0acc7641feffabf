// Records what is told to a WriteObserver, for tests.

#ifndef DEVICES_TESTING_WRITE_RECORDER_H_
#define DEVICES_TESTING_WRITE_RECORDER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "launcher/guest/guest_memory.h"

namespace lguest {

// Observes `memory` while it lives.
class WriteRecorder final : public WriteObserver {
 public:
  explicit WriteRecorder(GuestMemory& memory) : memory_(memory) {
    memory_.set_write_observer(this);
  }
  ~WriteRecorder() override { memory_.set_write_observer(nullptr); }
  WriteRecorder(const WriteRecorder&) = delete;
  WriteRecorder& operator=(const WriteRecorder&) = delete;

  void OnWrite(GuestPhys addr, uint32_t len) override { writes.emplace_back(addr.value(), len); }

  std::vector<std::pair<uint32_t, uint32_t>> writes;  // address and length of each

 private:
  GuestMemory& memory_;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_WRITE_RECORDER_H_
