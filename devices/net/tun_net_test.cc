#include "devices/net/tun_net.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "devices/testing/fake_guest.h"
#include "devices/testing/fake_packet_backend.h"
#include "devices/testing/write_recorder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

using Input = Device::Input;
using testing::Contains;

constexpr GuestPhys kPage(FakeGuest::kRam + kPageSize);
constexpr DmaKey kHostKey(kPage.value());
constexpr DmaKey kGuestKey(kPage.value() + 4);
constexpr uint32_t kIrq = 2;

class TunNetTest : public testing::Test {
 protected:
  TunNetTest()
      : device_("test", std::make_unique<FakePacketBackend>(network_),
                [this](const std::string& line) { log_lines_.push_back(line); }) {
    EXPECT_TRUE(device_.Attach(guest_.memory(), {.pages = kPage, .irq = kIrq}).ok());
  }

  GuestPhys BindReceive(const std::vector<FakeGuest::Section>& sections) {
    const GuestPhys dma = guest_.BindDma(kGuestKey, 0x200, sections, kIrq);
    guest_.SetUsedLen(dma, kIrq);  // the real host does this when it hands out a buffer
    return dma;
  }

  absl::StatusOr<Input> Receive() { return device_.Receive(guest_.port()); }

  FakeGuest guest_;
  FakeNetwork network_;
  std::vector<std::string> log_lines_;
  TunNet device_;
};

TEST_F(TunNetTest, DescribesItself) {
  EXPECT_EQ(device_.type(), DeviceType::kNet);
  EXPECT_EQ(device_.features(), 0x8001);  // guest slot 1, a source of randomness
  EXPECT_EQ(device_.num_pages(), 1);
  EXPECT_EQ(device_.output_keys(), std::vector<DmaKey>{kHostKey});
  EXPECT_EQ(device_.input_fd(), 77);
}

TEST_F(TunNetTest, HostSlotIsPromiscuous) {
  EXPECT_EQ(guest_.Get(kPage.value(), 6), "\3\1\2\3\4\5");
  EXPECT_EQ(guest_.Get(kPage.value() + 6, 6), std::string(6, '\0'));
}

TEST_F(TunNetTest, SendsOnePacketOfAllSections) {
  guest_.Put(0x1000, "abc");
  guest_.Put(0x2000, "de");
  EXPECT_EQ(device_.Send(kHostKey, guest_.Chain(0x100, {{0x1000, 3}, {0x2000, 2}}), guest_.port())
                .value(),
            5u);
  EXPECT_EQ(network_.from_guest, std::vector<std::string>{"abcde"});
}

TEST_F(TunNetTest, RefusedPacketIsDropped_B49) {
  network_.write_error = absl::UnknownError("writing to tap0 (is it up?): Input/output error");
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(device_.Send(kHostKey, guest_.Chain(0x100, {{0x1000, 60}}), guest_.port()).value(),
              0u);
  }
  EXPECT_TRUE(network_.from_guest.empty());
  EXPECT_EQ(log_lines_.size(), 1u);
  network_.write_error = absl::OkStatus();
  EXPECT_EQ(device_.Send(kHostKey, guest_.Chain(0x100, {{0x1000, 60}}), guest_.port()).value(),
            60u);
}

TEST_F(TunNetTest, ReceivesIntoTheGuestsBuffer) {
  network_.to_guest = {"packet"};
  const GuestPhys dma = BindReceive({{0x3000, 4}, {0x4000, 100}});
  EXPECT_EQ(Receive().value(), Input::kLast);
  EXPECT_EQ(guest_.Get(0x3000, 4) + guest_.Get(0x4000, 2), "packet");
  EXPECT_EQ(guest_.UsedLen(dma), 6u);
  EXPECT_EQ(guest_.host().interrupts(), std::vector<uint32_t>{kIrq});
}

TEST_F(TunNetTest, PacketsWaitForABuffer) {
  network_.to_guest = {"one", "two"};
  EXPECT_EQ(Receive().value(), Input::kNoRoom);
  EXPECT_EQ(network_.to_guest.size(), 2u);
  EXPECT_TRUE(log_lines_.empty());
  BindReceive({{0x3000, 100}});
  EXPECT_EQ(Receive().value(), Input::kMore);
  EXPECT_EQ(guest_.Get(0x3000, 3), "one");
}

TEST_F(TunNetTest, SpuriousWakeUpReleasesTheBuffer_B53) {
  const GuestPhys dma = BindReceive({{0x3000, 100}});
  EXPECT_EQ(Receive().value(), Input::kNone);
  EXPECT_EQ(guest_.UsedLen(dma), 0u);
  EXPECT_TRUE(guest_.host().interrupts().empty());
}

TEST_F(TunNetTest, FailingInterfaceIsNotFatal_B50) {
  network_.read_error = absl::UnknownError("reading from tap0: Input/output error");
  for (int i = 0; i < 100; ++i) {
    const GuestPhys dma = BindReceive({{0x3000, 100}});
    ASSERT_EQ(Receive().value(), Input::kNone);
    ASSERT_EQ(guest_.UsedLen(dma), 0u);
  }
  EXPECT_EQ(log_lines_.size(), 1u);
  network_.read_error = absl::OkStatus();
  network_.to_guest = {"back"};
  BindReceive({{0x3000, 100}});
  EXPECT_EQ(Receive().value(), Input::kLast);
}

TEST_F(TunNetTest, BurstPollsOnce) {
  network_.to_guest = {"one", "two"};
  BindReceive({{0x3000, 100}});
  EXPECT_EQ(Receive().value(), Input::kMore);
  BindReceive({{0x3000, 100}});
  EXPECT_EQ(Receive().value(), Input::kMore);
  BindReceive({{0x3000, 100}});
  EXPECT_EQ(Receive().value(), Input::kNone);
  network_.to_guest = {"three"};
  BindReceive({{0x3000, 100}});
  EXPECT_EQ(Receive().value(), Input::kLast);
}

TEST_F(TunNetTest, RemovedInterfaceClosesInput) {
  network_.read_error = absl::NotFoundError("interface tap0 has been removed");
  BindReceive({{0x3000, 100}});
  EXPECT_EQ(Receive().value(), Input::kClosed);
  EXPECT_EQ(log_lines_, std::vector<std::string>{"tunnet test: interface tap0 has been removed"});
}

TEST_F(TunNetTest, EmptyBufferDropsOnlyThePacket_B50_B52) {
  network_.to_guest = {"one", "two"};
  const GuestPhys dma = BindReceive({});
  EXPECT_EQ(Receive().value(), Input::kMore);
  EXPECT_EQ(guest_.UsedLen(dma), 0u);
  EXPECT_EQ(network_.to_guest.size(), 1u);
  BindReceive({{0x3000, 100}});
  EXPECT_EQ(Receive().value(), Input::kLast);
  EXPECT_EQ(guest_.Get(0x3000, 3), "two");
}

TEST_F(TunNetTest, LongPacketIsDropped_B51) {
  network_.to_guest = {std::string(1515, 'x'), std::string(65536, 'y'), std::string(1514, 'z')};
  for (int i = 0; i < 2; ++i) {
    const GuestPhys dma = BindReceive({{0x3000, 1514}});
    EXPECT_EQ(Receive().value(), Input::kMore);
    EXPECT_EQ(guest_.UsedLen(dma), 0u);
  }
  EXPECT_TRUE(guest_.host().interrupts().empty());
  EXPECT_EQ(network_.to_guest.size(), 1u);
  EXPECT_EQ(log_lines_,
            std::vector<std::string>{"tunnet test: dropped a packet of 1515 bytes: the guest's "
                                     "buffer has 1514 bytes (logged only once)"});
  const GuestPhys dma = BindReceive({{0x3000, 1514}});
  EXPECT_EQ(Receive().value(), Input::kLast);
  EXPECT_EQ(guest_.UsedLen(dma), 1514u);
}

TEST_F(TunNetTest, DroppedPacketHasWrittenToGuestMemory) {
  network_.to_guest = {std::string(1515, 'x')};
  BindReceive({{0x3000, 1000}, {0x5000, 514}});
  WriteRecorder recorder(guest_.memory());
  EXPECT_EQ(Receive().value(), Input::kMore);
  EXPECT_THAT(recorder.writes, Contains(std::pair(0x3000u, 1000u)));
  EXPECT_THAT(recorder.writes, Contains(std::pair(0x5000u, 514u)));
}

TEST_F(TunNetTest, BadReceiveBufferEndsTheGuest) {
  network_.to_guest = {"one"};
  BindReceive({{0x3000, 4}, {FakeGuest::kSize - 1, 2}});
  EXPECT_TRUE(absl::IsOutOfRange(Receive().status()));
}

}  // namespace
}  // namespace lguest
