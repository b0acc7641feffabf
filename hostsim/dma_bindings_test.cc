#include "hostsim/dma_bindings.h"

#include <gtest/gtest.h>

#include <memory>

#include "absl/status/status.h"
#include "hostsim/quirks.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {
namespace {

constexpr DmaKey kKey(0x1000);
constexpr GuestPhys kArray(0x2000);
constexpr uint32_t kSize = 4 * kPageSize;

class DmaBindingsTest : public ::testing::Test {
 protected:
  void MarkUsed(uint32_t index) {
    ASSERT_TRUE(
        memory_->Write(GuestPhys(kArray.value() + index * uint32_t{sizeof(Dma)}), uint32_t{1})
            .ok());
  }

  // The free buffer of `key`, or BoundDma() if none is free.
  BoundDma FreeBuffer(DmaKey key, Quirks quirks = Quirks::kNone) {
    return bindings_.NextBuffer(*memory_, key, quirks).value().value_or(BoundDma());
  }

  std::unique_ptr<GuestMemory> memory_ = GuestMemory::Create(kSize).value();
  DmaBindings bindings_;
};

TEST_F(DmaBindingsTest, FirstFreeBufferIsReturned) {
  ASSERT_TRUE(bindings_.Bind(kKey, kArray, 3, 7));
  MarkUsed(0);
  const BoundDma buffer = FreeBuffer(kKey);
  EXPECT_EQ(buffer.dma, GuestPhys(kArray.value() + 100));
  EXPECT_EQ(buffer.irq, 7u);
}

TEST_F(DmaBindingsTest, NoBufferIfAllAreInUse) {
  ASSERT_TRUE(bindings_.Bind(kKey, kArray, 2, 7));
  MarkUsed(0);
  MarkUsed(1);
  EXPECT_FALSE(bindings_.NextBuffer(*memory_, kKey, Quirks::kNone).value().has_value());
}

TEST_F(DmaBindingsTest, NoBufferIfKeyIsEmptyOrUnbound) {
  ASSERT_TRUE(bindings_.Bind(kKey, kArray, 0, 7));
  EXPECT_FALSE(bindings_.NextBuffer(*memory_, kKey, Quirks::kNone).value().has_value());
  EXPECT_FALSE(bindings_.NextBuffer(*memory_, DmaKey(4), Quirks::kNone).value().has_value());
}

TEST_F(DmaBindingsTest, LatestBindingOfAKeyWins) {
  ASSERT_TRUE(bindings_.Bind(kKey, GuestPhys(0x3000), 1, 2));
  ASSERT_TRUE(bindings_.Bind(kKey, kArray, 1, 1));
  EXPECT_EQ(FreeBuffer(kKey).irq, 1u);
  ASSERT_TRUE(bindings_.Unbind(kKey, kArray));
  EXPECT_EQ(FreeBuffer(kKey).irq, 2u);
}

TEST_F(DmaBindingsTest, Binding33Fails) {
  for (uint32_t i = 0; i < 32; ++i) ASSERT_TRUE(bindings_.Bind(DmaKey(4 * i), kArray, 1, 1));
  EXPECT_FALSE(bindings_.Bind(DmaKey(0x400), kArray, 1, 1));
  ASSERT_TRUE(bindings_.Unbind(DmaKey(4), kArray));
  EXPECT_TRUE(bindings_.Bind(DmaKey(0x400), kArray, 1, 1));
}

TEST_F(DmaBindingsTest, Linux2623ReturnsLastBufferInUse) {
  ASSERT_TRUE(bindings_.Bind(kKey, kArray, 2, 7));
  MarkUsed(0);
  MarkUsed(1);
  EXPECT_EQ(FreeBuffer(kKey, Quirks::kLinux2623).dma, GuestPhys(kArray.value() + 100));
  ASSERT_TRUE(bindings_.Bind(DmaKey(4), kArray, 0, 7));
  EXPECT_FALSE(bindings_.NextBuffer(*memory_, DmaKey(4), Quirks::kLinux2623).value().has_value());
}

TEST_F(DmaBindingsTest, Linux2623RejectsBufferThatEndsAtTheTop) {
  ASSERT_TRUE(bindings_.Bind(kKey, GuestPhys(kSize - 100), 1, 1));
  EXPECT_EQ(bindings_.NextBuffer(*memory_, kKey, Quirks::kLinux2623).status().message(),
            "bad read address 0x3f9c len 100");
}

TEST_F(DmaBindingsTest, UnbindNeedsKeyAndArray) {
  ASSERT_TRUE(bindings_.Bind(kKey, kArray, 1, 1));
  EXPECT_FALSE(bindings_.Unbind(kKey, GuestPhys(0x3000)));
  EXPECT_FALSE(bindings_.Unbind(DmaKey(4), kArray));
  EXPECT_TRUE(bindings_.Unbind(kKey, kArray));
  EXPECT_FALSE(bindings_.Unbind(kKey, kArray));
}

TEST_F(DmaBindingsTest, UnusedSlotCannotBeUnbound) {
  EXPECT_FALSE(bindings_.Unbind(DmaKey(0), GuestPhys(0)));
}

TEST_F(DmaBindingsTest, ArrayBeyondMemoryKillsTheGuest) {
  ASSERT_TRUE(bindings_.Bind(kKey, GuestPhys(kSize - 150), 2, 1));
  ASSERT_TRUE(memory_->Write(GuestPhys(kSize - 150), uint32_t{1}).ok());
  EXPECT_TRUE(absl::IsAborted(bindings_.NextBuffer(*memory_, kKey, Quirks::kNone).status()));
}

TEST_F(DmaBindingsTest, ArrayThatWrapsAroundKillsTheGuest) {
  ASSERT_TRUE(bindings_.Bind(kKey, GuestPhys(0xffffffe0), 0xffff, 1));
  EXPECT_EQ(bindings_.NextBuffer(*memory_, kKey, Quirks::kNone).status().message(),
            "bad read address 0xffffffe0 len 100");
}

TEST_F(DmaBindingsTest, BufferMayEndAtTheTop) {
  ASSERT_TRUE(bindings_.Bind(kKey, GuestPhys(kSize - 100), 1, 1));
  EXPECT_TRUE(bindings_.NextBuffer(*memory_, kKey, Quirks::kNone).value().has_value());
}

}  // namespace
}  // namespace lguest::hostsim
