// Whatever a guest writes to its rings, Pop() returns pieces inside guest memory or an error with a
// reason, and a queue changes no memory but its used ring.
// Input: a list of operations, see Step().

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "devices/testing/fake_ring.h"
#include "devices/virtio/virtqueue.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "tools/fuzz/fuzz_input.h"
#include "tools/fuzz/fuzz_target.h"

namespace lguest {
namespace {

constexpr uint32_t kMemory = 16 * kPageSize;
constexpr uint32_t kRing = 0x1000;
constexpr uint32_t kUsed = kRing + 2 * kPageSize;
constexpr uint32_t kUsedSize = 4 + 8 * FakeRing::kSize;

class Guest {
 public:
  Guest() { Require(queue_.Enable(ring_.place()).ok()); }

  // Does one operation. Returns false at the guest's end.
  bool Step(FuzzInput& input) {
    switch (input.Take<uint8_t>() % 8) {
      case 0:
        Write(input.Take<uint16_t>(), input.TakeBytes(input.Take<uint8_t>()));
        return true;
      case 1:  // a descriptor
        Write(kRing + input.Take<uint8_t>() % FakeRing::kSize * 16, input.TakeBytes(16));
        return true;
      case 2:  // the available ring
        Write(kRing + kPageSize, input.TakeBytes(input.Take<uint8_t>() % 64));
        return true;
      case 3:
        queue_.set_allows_indirect((input.Take<uint8_t>() & 1) != 0);
        return true;
      case 4:
        return Ends(queue_.Interrupt());
      case 5:
        if (has_chain_) queue_.UnPop();
        has_chain_ = false;
        return true;
      case 6:
        return Push(input.Take<uint32_t>());
      default:
        return Pop();
    }
  }

 private:
  void Write(uint32_t address, std::span<const uint8_t> bytes) {
    if (!memory_->Contains(GuestPhys(address), bytes.size())) return;
    Require(memory_->WriteBytes(GuestPhys(address), std::as_bytes(bytes)).ok());
  }

  // False, after a check of the reason, if the guest has ended.
  static bool Ends(const absl::Status& status) {
    if (status.ok()) return true;
    Require(!status.message().empty());
    return false;
  }

  bool Pop() {
    const absl::StatusOr<bool> popped = queue_.Pop(chain_);
    if (!popped.ok()) return Ends(popped.status());
    has_chain_ = *popped;
    if (!has_chain_) return true;
    uint64_t pieces = 0;
    for (const DmaChain* chain : {&chain_.readable, &chain_.writable}) {
      uint64_t total = 0;
      for (size_t i = 0; i < chain->sections().size(); ++i, ++pieces) {
        const size_t len = chain->sections()[i].iov_len;
        Require(len != 0 && memory_->Contains(chain->section_address(i), len));
        total += len;
      }
      Require(total == chain->size());
    }
    Require(pieces <= kMaxChainPieces);
    return true;
  }

  bool Push(uint32_t written) {
    if (!has_chain_) return true;
    has_chain_ = false;
    const std::vector<std::byte> before(memory_->base(), memory_->base() + kMemory);
    Require(queue_.Push(chain_, written).ok());
    for (uint32_t i = 0; i < kMemory; ++i) {
      const bool is_used_ring = i >= kUsed && i < kUsed + kUsedSize;
      Require(is_used_ring || memory_->base()[i] == before[i]);
    }
    return true;
  }

  const std::unique_ptr<GuestMemory> memory_ = *GuestMemory::Create(kMemory);
  FakeLine line_;
  Virtqueue queue_{*memory_, line_};
  FakeRing ring_{*memory_, kRing};
  VirtqChain chain_;
  bool has_chain_ = false;
};

}  // namespace
}  // namespace lguest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int kMostSteps = 256;
  lguest::FuzzInput input(data, size);
  lguest::Guest guest;
  for (int i = 0; i < kMostSteps && !input.empty() && guest.Step(input); ++i) {
  }
  return 0;
}
