// Tests of virtqueues, and of everything in a ring that kills a guest (VIRTIO_ABI.md §7).

#include "devices/virtio/virtqueue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/testing/fake_ring.h"
#include "devices/virtio/virtqueue_port.h"

namespace lguest {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kMemory = 64 * kPageSize;
constexpr uint32_t kRing = 0x1000;
constexpr uint32_t kTable = 0x8000;
constexpr uint32_t kData = 0x10000;

class VirtqueueTest : public testing::Test {
 protected:
  VirtqueueTest() { EXPECT_TRUE(queue_.Enable(ring_.place()).ok()); }

  bool Pop() {
    const absl::StatusOr<bool> popped = queue_.Pop(chain_);
    EXPECT_TRUE(popped.ok()) << popped.status();
    return popped.ok() && *popped;
  }
  // Why the guest dies at the next Pop().
  std::string Death() { return std::string(queue_.Pop(chain_).status().message()); }

  void Indirect(uint32_t index, const VirtqDescriptor& descriptor) {
    EXPECT_TRUE(memory_->Write(GuestPhys(kTable + index * 16), descriptor).ok());
  }
  // A chain whose head is an indirect descriptor.
  void AddIndirect(uint64_t address, uint32_t length, uint16_t more_flags = 0) {
    ring_.Descriptor(0, {.address = address,
                         .length = length,
                         .flags = static_cast<uint16_t>(kVirtqIndirect | more_flags),
                         .next = 1});
    ring_.MakeAvailable(0);
  }

  std::unique_ptr<GuestMemory> memory_ = *GuestMemory::Create(kMemory);
  FakeLine line_;
  Virtqueue queue_{*memory_, line_};
  FakeRing ring_{*memory_, kRing};
  VirtqChain chain_;
};

TEST_F(VirtqueueTest, ChainIsSplitIntoReadableAndWritable) {
  EXPECT_FALSE(Pop());
  ring_.Add({{kData, 16, false}, {kData + 100, 20, false}, {kData + 200, 30, true}});
  ASSERT_TRUE(Pop());
  EXPECT_EQ(chain_.readable.size(), 36u);
  EXPECT_EQ(chain_.readable.sections().size(), 2u);
  EXPECT_EQ(chain_.writable.size(), 30u);
  EXPECT_EQ(chain_.writable.section_address(0), GuestPhys(kData + 200));
  EXPECT_FALSE(Pop());
}

TEST_F(VirtqueueTest, UsedEntryComesBeforeTheIndex) {
  const uint16_t head = ring_.Add({{kData, 16, true}});
  ASSERT_TRUE(Pop());
  ASSERT_TRUE(queue_.Push(chain_, 7).ok());
  EXPECT_EQ(ring_.used_index(), 1);
  EXPECT_EQ(ring_.used_entry(0).head, head);
  EXPECT_EQ(ring_.used_entry(0).length, 7u);
}

TEST_F(VirtqueueTest, IndicesWrapAround) {
  for (uint32_t i = 0; i < 70000; ++i) {
    ring_.Add({{kData, 1, false}});
    ASSERT_TRUE(Pop()) << i;
    ASSERT_TRUE(queue_.Push(chain_, 0).ok());
  }
  EXPECT_EQ(ring_.used_index(), static_cast<uint16_t>(70000));
  EXPECT_EQ(queue_.counts().sent, 70000u);
}

TEST_F(VirtqueueTest, ChainThatWasPutBackComesAgain) {
  ring_.Add({{kData, 16, true}});
  ASSERT_TRUE(Pop());
  queue_.UnPop();
  ASSERT_TRUE(Pop());
  EXPECT_FALSE(Pop());
}

TEST_F(VirtqueueTest, GuestMayDeclineInterrupts) {
  ASSERT_TRUE(queue_.Interrupt().ok());
  EXPECT_EQ(line_.raised, 1);
  ring_.SetFlags(kVirtqNoInterrupt);
  ASSERT_TRUE(queue_.Interrupt().ok());
  EXPECT_EQ(line_.raised, 1);
}

TEST_F(VirtqueueTest, EmptyPiecesAreSkipped) {
  ring_.Add({{kData, 0, false}, {0xffffffff, 0, false}, {kData, 4, true}, {kData, 0, true}});
  ASSERT_TRUE(Pop());
  EXPECT_TRUE(chain_.readable.sections().empty());
  EXPECT_EQ(chain_.writable.sections().size(), 1u);
}

TEST_F(VirtqueueTest, IndirectTableHoldsTheRest) {
  queue_.set_allows_indirect(true);
  Indirect(0, {.address = kData, .length = 8, .flags = kVirtqNext, .next = 2});
  Indirect(2, {.address = kData + 8, .length = 4, .flags = kVirtqWrite, .next = 0});
  AddIndirect(kTable, 3 * 16);
  ASSERT_TRUE(Pop());
  EXPECT_EQ(chain_.readable.size(), 8u);
  EXPECT_EQ(chain_.writable.size(), 4u);
}

TEST_F(VirtqueueTest, IndirectTableMayFollowOtherPieces) {
  queue_.set_allows_indirect(true);
  ring_.Descriptor(1, {.address = kData, .length = 8, .flags = kVirtqNext, .next = 2});
  ring_.Descriptor(2, {.address = kTable, .length = 16, .flags = kVirtqIndirect, .next = 0});
  Indirect(0, {.address = kData + 8, .length = 4, .flags = 0, .next = 0});
  ring_.MakeAvailable(1);
  ASSERT_TRUE(Pop());
  EXPECT_EQ(chain_.readable.size(), 12u);
}

TEST_F(VirtqueueTest, LongestChain) {
  queue_.set_allows_indirect(true);
  for (uint16_t i = 0; i < kMaxChainPieces; ++i) {
    const bool is_last = i + 2 == kMaxChainPieces;
    Indirect(i, {.address = kData + i,
                 .length = 1,
                 .flags = is_last ? uint16_t{0} : kVirtqNext,
                 .next = static_cast<uint16_t>(i + 1)});
  }
  AddIndirect(kTable, kMaxChainPieces * 16);
  ASSERT_TRUE(Pop());
  EXPECT_EQ(chain_.readable.sections().size(), kMaxChainPieces - 1);
}

// ---- Broken rules

TEST_F(VirtqueueTest, IndexTooFarAheadKills) {
  ring_.SetAvailableIndex(FakeRing::kSize + 1);
  EXPECT_EQ(Death(), "bad virtqueue: index 17 after 0");
  ring_.SetAvailableIndex(0xffff);
  EXPECT_EQ(Death(), "bad virtqueue: index 65535 after 0");
}

TEST_F(VirtqueueTest, HeadOutsideTheTableKills) {
  ring_.MakeAvailable(FakeRing::kSize);
  EXPECT_EQ(Death(), "bad virtqueue: descriptor 16 of 16");
}

TEST_F(VirtqueueTest, NextOutsideTheTableKills) {
  ring_.Descriptor(0, {.address = kData, .length = 1, .flags = kVirtqNext, .next = 0xffff});
  ring_.MakeAvailable(0);
  EXPECT_EQ(Death(), "bad virtqueue: descriptor 65535 of 16");
}

TEST_F(VirtqueueTest, LoopKills) {
  ring_.Descriptor(0, {.address = kData, .length = 1, .flags = kVirtqNext, .next = 0});
  ring_.MakeAvailable(0);
  EXPECT_EQ(Death(), "bad virtqueue: a chain of more than 256");
}

TEST_F(VirtqueueTest, LoopOfEmptyPiecesKills) {
  ring_.Descriptor(0, {.address = 0, .length = 0, .flags = kVirtqNext, .next = 0});
  ring_.MakeAvailable(0);
  EXPECT_EQ(Death(), "bad virtqueue: a chain of more than 256");
}

TEST_F(VirtqueueTest, PieceOutsideMemoryKills) {
  for (const uint32_t address : {kMemory, kMemory - 3, 0xffffffffu, 0xfffffffcu}) {
    ring_.Descriptor(0, {.address = address, .length = 4, .flags = 0, .next = 0});
    ring_.MakeAvailable(0);
    EXPECT_THAT(Death(), HasSubstr("bad dma section 0"));
  }
}

TEST_F(VirtqueueTest, PieceMayEndAtTheTop) {
  ring_.Add({{kMemory - 4, 4, false}});
  EXPECT_TRUE(Pop());
}

TEST_F(VirtqueueTest, LongestLengthKills) {
  ring_.Add({{kData, 0xffffffff, true}});
  EXPECT_THAT(Death(), HasSubstr("bad dma section 0"));
}

TEST_F(VirtqueueTest, AddressBeyondFourGigabytesKills) {
  ring_.Descriptor(0, {.address = uint64_t{1} << 32 | kData, .length = 4, .flags = 0, .next = 0});
  ring_.MakeAvailable(0);
  EXPECT_EQ(Death(), "bad virtqueue: address 0x100010000");
}

TEST_F(VirtqueueTest, ReadableAfterWritableKills) {
  ring_.Add({{kData, 4, true}, {kData, 4, false}});
  EXPECT_EQ(Death(), "bad virtqueue: a piece to read after one to write");
}

TEST_F(VirtqueueTest, ChainOfFourGigabytesKills) {
  const std::unique_ptr<GuestMemory> large = *GuestMemory::Create(1u << 30);
  Virtqueue queue(*large, line_);
  FakeRing ring(*large, kRing);
  ASSERT_TRUE(queue.Enable(ring.place()).ok());
  ring.Add(std::vector<FakeRing::Piece>(5, {0, 1u << 30, true}));
  EXPECT_EQ(queue.Pop(chain_).status().message(), "a chain of 4 GB or more");
}

TEST_F(VirtqueueTest, IndirectWithoutTheFeatureKills) {
  Indirect(0, {.address = kData, .length = 8, .flags = 0, .next = 0});
  AddIndirect(kTable, 16);
  EXPECT_EQ(Death(), "bad virtqueue: an indirect descriptor");
}

TEST_F(VirtqueueTest, IndirectInsideIndirectKills) {
  queue_.set_allows_indirect(true);
  Indirect(0, {.address = kTable, .length = 16, .flags = kVirtqIndirect, .next = 0});
  AddIndirect(kTable, 16);
  EXPECT_EQ(Death(), "bad virtqueue: an indirect descriptor");
}

TEST_F(VirtqueueTest, IndirectWithNextKills) {
  queue_.set_allows_indirect(true);
  AddIndirect(kTable, 16, kVirtqNext);
  EXPECT_EQ(Death(), "bad virtqueue: an indirect descriptor with NEXT");
}

TEST_F(VirtqueueTest, IndirectTableOfOddSizeKills) {
  queue_.set_allows_indirect(true);
  for (const uint32_t size : {0u, 1u, 15u, 17u, 0xffffffffu}) {
    AddIndirect(kTable, size);
    EXPECT_THAT(Death(), HasSubstr("an indirect table of"));
  }
}

TEST_F(VirtqueueTest, IndirectTableOutsideMemoryKills) {
  queue_.set_allows_indirect(true);
  for (const uint64_t address : {uint64_t{kMemory} - 15, uint64_t{1} << 32, ~uint64_t{0}}) {
    AddIndirect(address, 16);
    EXPECT_THAT(Death(), HasSubstr("an indirect table at"));
  }
  AddIndirect(kTable, 0xfffffff0);
  EXPECT_THAT(Death(), HasSubstr("an indirect table at"));
}

TEST_F(VirtqueueTest, NextOutsideTheIndirectTableKills) {
  queue_.set_allows_indirect(true);
  Indirect(0, {.address = kData, .length = 8, .flags = kVirtqNext, .next = 1});
  AddIndirect(kTable, 16);
  EXPECT_EQ(Death(), "bad virtqueue: descriptor 1 of 1");
}

TEST_F(VirtqueueTest, UnknownFlagsOfTheRingKill) {
  ring_.SetFlags(2);
  EXPECT_EQ(queue_.Interrupt().message(), "bad virtqueue: flags 0x2");
}

TEST_F(VirtqueueTest, BadSizeKills) {
  Virtqueue::Place place = ring_.place();
  for (const uint32_t size : {0u, 3u, 12u, 512u, 0x80000000u}) {
    place.size = size;
    EXPECT_THAT(std::string(queue_.Enable(place).message()), HasSubstr("size"));
  }
  for (const uint32_t size : {1u, 2u, 256u}) {
    place.size = size;
    EXPECT_TRUE(queue_.Enable(place).ok()) << size;
  }
}

TEST_F(VirtqueueTest, BadPlaceKills) {
  const Virtqueue::Place good = ring_.place();
  const auto with = [&](auto change) {
    Virtqueue::Place place = good;
    change(place);
    return queue_.Enable(place);
  };
  EXPECT_FALSE(with([](auto& p) { p.descriptors = GuestPhys(kRing + 8); }).ok());
  EXPECT_FALSE(with([](auto& p) { p.available = GuestPhys(kRing + 1); }).ok());
  EXPECT_FALSE(with([](auto& p) { p.used = GuestPhys(kRing + 2); }).ok());
  EXPECT_FALSE(with([](auto& p) { p.descriptors = GuestPhys(kMemory - 16 * 15); }).ok());
  EXPECT_TRUE(with([](auto& p) { p.descriptors = GuestPhys(kMemory - 16 * 16); }).ok());
  EXPECT_FALSE(with([](auto& p) { p.available = GuestPhys(kMemory - 34); }).ok());
  EXPECT_FALSE(with([](auto& p) { p.used = GuestPhys(kMemory - 128); }).ok());
  EXPECT_FALSE(with([](auto& p) { p.used = GuestPhys(0xfffffffc); }).ok());
}

TEST_F(VirtqueueTest, DisabledQueueHasNoBuffers) {
  ring_.Add({{kData, 4, true}});
  queue_.Disable();
  EXPECT_FALSE(Pop());
}

// ---- VirtqueuePort

// The next buffer, delivered with `used` bytes or released. Returns its chain; empty: none.
DmaChain Take(VirtqueuePort& port, std::optional<uint32_t> used) {
  const absl::StatusOr<std::optional<DmaPort::Buffer>> next = port.NextBuffer(DmaKey());
  EXPECT_TRUE(next.ok()) << next.status();
  const std::optional<DmaPort::Buffer>& buffer = *next;
  if (!buffer.has_value()) return {};
  const absl::Status done = used.has_value() ? port.Deliver(*buffer, *used) : port.Release(*buffer);
  EXPECT_TRUE(done.ok()) << done;
  return buffer->chain;
}

TEST_F(VirtqueueTest, PortFillsTheBufferBehindItsHeader) {
  const std::vector<std::byte> header(10, std::byte{0x5a});
  VirtqueuePort port(*memory_, queue_, header);
  EXPECT_EQ(Take(port, 0).size(), 0u) << "no buffer";
  ring_.Add({{kData, 4, true}, {kData + 4, 100, true}});
  const DmaChain chain = Take(port, 50);
  EXPECT_EQ(chain.size(), 94u);
  EXPECT_EQ(chain.section_address(0), GuestPhys(kData + 10));
  EXPECT_EQ(ring_.used_entry(0).length, 60u);
  EXPECT_EQ(line_.raised, 1);
  EXPECT_EQ(*memory_->Read<uint8_t>(GuestPhys(kData + 9)), 0x5a);
  EXPECT_EQ(*memory_->Read<uint8_t>(GuestPhys(kData + 10)), 0);
}

TEST_F(VirtqueueTest, PortKeepsABufferThatIsReleased) {
  VirtqueuePort port(*memory_, queue_);
  ring_.Add({{kData, 4, true}});
  EXPECT_EQ(Take(port, std::nullopt).size(), 4u);
  EXPECT_EQ(ring_.used_index(), 0);
  EXPECT_EQ(Take(port, 1).size(), 4u);
}

TEST_F(VirtqueueTest, BufferWithoutRoomForTheHeaderKills) {
  VirtqueuePort port(*memory_, queue_, std::vector<std::byte>(10));
  ring_.Add({{kData, 9, true}});
  EXPECT_THAT(std::string(port.NextBuffer(DmaKey()).status().message()),
              HasSubstr("a buffer of 9 bytes for a header of 10"));
}

}  // namespace
}  // namespace lguest
