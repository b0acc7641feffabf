// GETDMA and BIND_DMA: ABI.md §1.1, §1.6, §2.6, §4.11.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "hostsim/conformance/conformance.h"

namespace lguest::hostsim {
namespace {

constexpr DmaKey kKey(0x7000);
constexpr uint32_t kDmaSize = sizeof(Dma);

class GetDma : public ConformanceTest {
 protected:
  // Plays `script`, which must bind buffers, until it sends to key 0.
  void Bound(Script script) {
    Start(script.Send(DmaKey(0), GuestPhys(kFree)).Crash("lives"));
    if (!HasFatalFailure()) Sent();
  }

  void Fill(GuestPhys dma) { EXPECT_TRUE(memory().Write(dma, uint32_t{1}).ok()); }
};
LGUEST_CONFORMANCE_SUITE(GetDma);

TEST_P(GetDma, ReturnsBufferAndInterrupt) {
  Bound(Script().Init().Dma(kFree, {{kBuffer, 64}}).Bind(kKey, GuestPhys(kFree), 1, 31));
  const absl::StatusOr<BoundDma> buffer = host().GetDma(kKey);
  ASSERT_TRUE(buffer.ok()) << buffer.status();
  EXPECT_EQ(buffer->dma, GuestPhys(kFree));
  EXPECT_EQ(buffer->irq, 31u);
  EXPECT_EQ(Death(), "CRASH: lives");
}

TEST_P(GetDma, ReturnsFirstFreeBuffer) {
  Bound(Script()
            .Init()
            .Dma(kFree, {{kBuffer, 64}}, 5)
            .Dma(kFree + kDmaSize, {{kBuffer, 64}})
            .Dma(kFree + 2 * kDmaSize, {{kBuffer, 64}})
            .Bind(kKey, GuestPhys(kFree), 3, 3));
  EXPECT_EQ(host().GetDma(kKey)->dma, GuestPhys(kFree + kDmaSize));
  Fill(GuestPhys(kFree + kDmaSize));
  EXPECT_EQ(host().GetDma(kKey)->dma, GuestPhys(kFree + 2 * kDmaSize));
  EXPECT_EQ(Word(kFree), 5u) << "a buffer in use is not written";
}

TEST_P(GetDma, ReturnsLastBufferIfAllAreInUse) {
  Bound(Script()
            .Init()
            .Dma(kFree, {{kBuffer, 64}}, 5)
            .Dma(kFree + kDmaSize, {{kBuffer, 64}}, 6)
            .Bind(kKey, GuestPhys(kFree), 2, 3));
  EXPECT_EQ(host().GetDma(kKey)->dma, GuestPhys(kFree + kDmaSize));
  EXPECT_EQ(Word(kFree), 5u);
  EXPECT_NE(Word(kFree + kDmaSize), 6u) << "its length is overwritten";
}

TEST_P(GetDma, LatestBindingWins) {
  Bound(Script()
            .Init()
            .Dma(kFree, {{kBuffer, 64}})
            .Dma(kFree + kDmaSize, {{kBuffer, 64}})
            .Bind(kKey, GuestPhys(kFree), 1, 3)
            .Bind(kKey, GuestPhys(kFree + kDmaSize), 1, 4));
  const absl::StatusOr<BoundDma> buffer = host().GetDma(kKey);
  ASSERT_TRUE(buffer.ok()) << buffer.status();
  EXPECT_EQ(buffer->dma, GuestPhys(kFree + kDmaSize));
  EXPECT_EQ(buffer->irq, 4u);
}

TEST_P(GetDma, UnboundKey_ENOENT) {
  Bound(Script().Init().Bind(kKey, GuestPhys(kFree), 1, 3));
  EXPECT_TRUE(absl::IsNotFound(host().GetDma(DmaKey(0)).status()));
  EXPECT_TRUE(absl::IsNotFound(host().GetDma(DmaKey(kKey.value() + 4)).status()));
  EXPECT_EQ(Death(), "CRASH: lives");
}

TEST_P(GetDma, EmptyBinding_ENOENT) {
  Bound(Script().Init().Bind(kKey, GuestPhys(kFree), 0, 3).ExpectResult(1));
  EXPECT_TRUE(absl::IsNotFound(host().GetDma(kKey).status()));
  EXPECT_EQ(Death(), "CRASH: lives");
}

TEST_P(GetDma, UnalignedKeyKillsTheGuest_ENOENT) {
  Bound(Script().Init());
  EXPECT_TRUE(absl::IsNotFound(host().GetDma(DmaKey(2)).status()));
  EXPECT_EQ(Death(), "bad registered DMA buffer");
}

TEST_P(GetDma, UnmappedKeyKillsTheGuest_ENOENT) {
  Bound(Script().Init());
  EXPECT_TRUE(absl::IsNotFound(host().GetDma(DmaKey(kScriptMemorySize)).status()));
  EXPECT_EQ(Death(), "bad registered DMA buffer");
}

TEST_P(GetDma, ArrayOutsideMemoryKillsTheGuest) {
  Bound(Script().Init().Bind(kKey, GuestPhys(0xfffff000), 1, 3));
  EXPECT_TRUE(absl::IsNotFound(host().GetDma(kKey).status()));
  EXPECT_EQ(Death(), "bad read address 0xfffff000 len 100");
}

TEST_P(GetDma, SectionsAreNotChecked) {
  Bound(Script().Init().Dma(kFree, {{0xffffffff, 0xffff}}).Bind(kKey, GuestPhys(kFree), 1, 3));
  EXPECT_EQ(host().GetDma(kKey)->dma, GuestPhys(kFree));
  EXPECT_EQ(Death(), "CRASH: lives");
}

class BindDma : public ConformanceTest {};
LGUEST_CONFORMANCE_SUITE(BindDma);

TEST_P(BindDma, GuestHas32Bindings) {
  Script script;
  script.Init();
  for (uint32_t i = 0; i < kMaxDmaBindings; ++i) {
    script.Bind(DmaKey(4 * i), GuestPhys(kFree), 1, 1).ExpectResult(1);
  }
  script.Bind(DmaKey(4 * kMaxDmaBindings), GuestPhys(kFree), 1, 1).ExpectResult(0);
  script.Unbind(DmaKey(8), GuestPhys(kFree)).ExpectResult(1);
  script.Bind(DmaKey(4 * kMaxDmaBindings), GuestPhys(kFree), 1, 1).ExpectResult(1);
  EXPECT_EQ(DeathOf(script.Crash("x")), "CRASH: x");
}

TEST_P(BindDma, InterruptMustBeBelow32) {
  EXPECT_EQ(DeathOf(Script()
                        .Init()
                        .Bind(kKey, GuestPhys(kFree), 1, 31)
                        .ExpectResult(1)
                        .Bind(kKey, GuestPhys(kFree), 1, 32)
                        .ExpectResult(0)
                        .Bind(kKey, GuestPhys(kFree), 1, 255)
                        .ExpectResult(0)
                        .Crash("x")),
            "CRASH: x");
}

// Only tests bindings that do not exist. (The real kernel fails if a removed binding is removed
// again.)
TEST_P(BindDma, UnbindsByKeyAndArray) {
  Start(Script()
            .Init()
            .Dma(kFree, {{kBuffer, 64}})
            .Bind(kKey, GuestPhys(kFree), 1, 3)
            .Unbind(kKey, GuestPhys(kFree + kDmaSize))
            .ExpectResult(0)
            .Unbind(DmaKey(kKey.value() + 4), GuestPhys(kFree))
            .ExpectResult(0)
            .Send(DmaKey(0), GuestPhys(kFree))
            .Unbind(kKey, GuestPhys(kFree))
            .ExpectResult(1)
            .Send(DmaKey(0), GuestPhys(kFree)));
  Sent();
  EXPECT_TRUE(host().GetDma(kKey).ok());
  Sent();
  EXPECT_TRUE(absl::IsNotFound(host().GetDma(kKey).status()));
}

TEST_P(BindDma, UnalignedKeyKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Bind(DmaKey(6), GuestPhys(kFree), 1, 3)), "bad dma key 0x6");
}

TEST_P(BindDma, UnmappedKeyKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Bind(DmaKey(kScriptMemorySize), GuestPhys(kFree), 1, 3)),
            "bad dma key 0x40000");
}

}  // namespace
}  // namespace lguest::hostsim
