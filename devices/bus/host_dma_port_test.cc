#include "devices/bus/host_dma_port.h"

#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/testing/fake_guest.h"
#include "devices/testing/write_recorder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

constexpr DmaKey kKey(0x40000);

// The next buffer; aborts when there is none.
DmaPort::Buffer Take(FakeGuest& guest) {
  const absl::StatusOr<std::optional<DmaPort::Buffer>> next = guest.port().NextBuffer(kKey);
  const std::optional<DmaPort::Buffer>& buffer = next.value();
  if (!buffer.has_value()) std::abort();
  return *buffer;
}

TEST(HostDmaPort, NoBoundBufferIsNotAnError_B05) {
  FakeGuest guest;
  const auto buffer = guest.port().NextBuffer(kKey);
  ASSERT_TRUE(buffer.ok());
  EXPECT_FALSE(buffer->has_value());
}

TEST(HostDmaPort, DeliverWritesUsedLenAndInterrupts) {
  FakeGuest guest;
  const GuestPhys dma = guest.BindDma(kKey, 0x100, {{0x1000, 16}}, 7);
  const DmaPort::Buffer buffer = Take(guest);
  EXPECT_EQ(buffer.chain.size(), 16u);
  ASSERT_TRUE(guest.port().Deliver(buffer, 9).ok());
  EXPECT_EQ(guest.UsedLen(dma), 9u);
  EXPECT_EQ(guest.host().interrupts(), std::vector<uint32_t>{7});
}

TEST(HostDmaPort, DeliveredBytesAreAnnouncedAsWritten) {
  FakeGuest guest;
  guest.BindDma(kKey, 0x100, {{0x1000, 16}, {0x2000, 16}}, 7);
  const DmaPort::Buffer buffer = Take(guest);
  const WriteRecorder recorder(guest.memory());
  ASSERT_TRUE(guest.port().Deliver(buffer, 20).ok());
  EXPECT_THAT(recorder.writes, testing::IsSupersetOf({std::pair(0x1000u, 16u), {0x2000u, 4u}}));
}

// A guest on another processor looks at the buffer as soon as it is interrupted.
TEST(HostDmaPort, UsedLenIsWrittenBeforeTheInterrupt) {
  FakeGuest guest;
  const GuestPhys dma = guest.BindDma(kKey, 0x100, {{0x1000, 16}}, 7);
  const DmaPort::Buffer buffer = Take(guest);
  uint32_t seen = 0;
  guest.host().set_on_interrupt([&] { seen = guest.UsedLen(dma); });
  ASSERT_TRUE(guest.port().Deliver(buffer, 9).ok());
  EXPECT_EQ(seen, 9u);
}

TEST(HostDmaPort, ReleaseFreesWithoutInterrupt) {
  FakeGuest guest;
  const GuestPhys dma = guest.BindDma(kKey, 0x100, {{0x1000, 16}}, 7);
  const DmaPort::Buffer buffer = Take(guest);
  guest.SetUsedLen(dma, 7);  // the real host does this when it hands out a buffer
  ASSERT_TRUE(guest.port().Release(buffer).ok());
  EXPECT_EQ(guest.UsedLen(dma), 0u);
  EXPECT_TRUE(guest.host().interrupts().empty());
}

TEST(HostDmaPort, InterruptIsNotReadFromUsedLen_B06) {
  FakeGuest guest;
  const GuestPhys dma = guest.BindDma(kKey, 0x100, {{0x1000, 16}}, 7);
  guest.SetUsedLen(dma, 0xffffffff);
  const DmaPort::Buffer buffer = Take(guest);
  guest.SetUsedLen(dma, 99);
  ASSERT_TRUE(guest.port().Deliver(buffer, 1).ok());
  EXPECT_EQ(guest.host().interrupts(), std::vector<uint32_t>{7});
}

TEST(HostDmaPort, InvalidInterruptEndsTheGuest_B06) {
  FakeGuest guest;
  guest.BindDma(kKey, 0x100, {{0x1000, 16}}, 32);
  EXPECT_EQ(guest.port().NextBuffer(kKey).status().message(),
            "bad interrupt 32 of dma buffer 0x100");
}

TEST(HostDmaPort, DeadGuestIsNotAnError_B07) {
  FakeGuest guest;
  guest.BindDma(kKey, 0x100, {{0x1000, 16}}, 7);
  const DmaPort::Buffer buffer = Take(guest);
  guest.host().Kill();
  EXPECT_TRUE(guest.port().Deliver(buffer, 1).ok());
  EXPECT_FALSE(guest.port().NextBuffer(kKey)->has_value());
}

TEST(HostDmaPort, BadBufferEndsTheGuest) {
  FakeGuest guest;
  guest.BindDma(kKey, 0x100, {{0x1000, 16}, {FakeGuest::kSize - 1, 2}}, 7);
  EXPECT_TRUE(absl::IsOutOfRange(guest.port().NextBuffer(kKey).status()));
  guest.host().Bind(kKey, GuestPhys(0xfffffffc), 7);
  EXPECT_TRUE(absl::IsOutOfRange(guest.port().NextBuffer(kKey).status()));
}

}  // namespace
}  // namespace lguest
