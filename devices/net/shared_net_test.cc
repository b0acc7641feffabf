#include "devices/net/shared_net.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "devices/testing/fake_guest.h"
#include "gtest/gtest.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

using Input = Device::Input;

constexpr GuestPhys kPage(FakeGuest::kRam + kPageSize);
constexpr uint32_t kIrq = 1;

// One guest and its network device.
class Member {
 public:
  explicit Member(const std::string& path, bool with_sockets = true) {
    auto file = SharedNetFile::Open(path).value();
    slot_ = file->slot();
    auto sockets = with_sockets ? PeerSockets::Open(*file).value() : nullptr;
    device_ = std::make_unique<SharedNet>(std::move(file), std::move(sockets));
    EXPECT_TRUE(device_->Attach(guest_.memory(), {.pages = kPage, .irq = kIrq}).ok());
  }

  FakeGuest& guest() { return guest_; }
  SharedNet& device() { return *device_; }
  uint32_t slot() const { return slot_; }

  absl::StatusOr<std::optional<uint32_t>> Send(uint32_t slot,
                                               const std::vector<FakeGuest::Section>& sections) {
    return device_->Send(NetSlotKey(kPage, slot), guest_.Chain(0x100, sections), guest_.port());
  }
  GuestPhys BindReceive(const std::vector<FakeGuest::Section>& sections) {
    return guest_.BindDma(NetSlotKey(kPage, slot_), 0x200, sections, kIrq);
  }
  absl::StatusOr<Input> Receive() { return device_->Receive(guest_.port()); }

 private:
  FakeGuest guest_;
  std::unique_ptr<SharedNet> device_;
  uint32_t slot_ = 0;
};

class SharedNetTest : public testing::Test {
 protected:
  TempDir dir_;
  std::string path_ = dir_.Path("net");
};

TEST_F(SharedNetTest, DescribesItself) {
  Member a(path_);
  Member b(path_);
  EXPECT_EQ(a.device().type(), DeviceType::kNet);
  EXPECT_EQ(a.device().num_pages(), 1);
  EXPECT_EQ(a.device().features(), 0x4000);
  EXPECT_EQ(b.device().features(), 0x4001);
  EXPECT_EQ(a.device().output_keys().size(), 682u);
  EXPECT_EQ(a.device().output_keys()[3], DmaKey(kPage.value() + 12));
}

TEST_F(SharedNetTest, GuestsSeeEachOthersAddresses) {
  Member a(path_);
  Member b(path_);
  b.guest().Put(NetSlotAddress(kPage, 1).value(), std::string("\2\0\1\0\0\0", 6));
  EXPECT_EQ(a.guest().Get(NetSlotAddress(kPage, 1).value(), 6), std::string("\2\0\1\0\0\0", 6));
  EXPECT_EQ(dir_.Contents("net").substr(6, 6), std::string("\2\0\1\0\0\0", 6));
}

TEST_F(SharedNetTest, PacketFromGuestToGuest) {
  Member a(path_);
  Member b(path_);
  a.guest().Put(0x1ffd, "abc");
  a.guest().Put(0x3000, "de");
  EXPECT_EQ(a.Send(1, {{0x1ffd, 3}, {0x3000, 2}}).value(), 5u);
  const GuestPhys dma = b.BindReceive({{0x5000, 1514}});
  EXPECT_EQ(b.Receive().value(), Input::kMore);
  EXPECT_EQ(b.guest().Get(0x5000, 5), "abcde");
  EXPECT_EQ(b.guest().UsedLen(dma), 5u);
  EXPECT_EQ(b.guest().host().interrupts(), std::vector<uint32_t>{kIrq});
}

TEST_F(SharedNetTest, TruncatedFileEndsTheDevice_F25) {
  Member a(path_);
  Member b(path_);
  ASSERT_EQ(truncate(path_.c_str(), 0), 0);
  EXPECT_EQ(a.guest().Get(NetSlotAddress(kPage, 1).value(), 1), std::string(1, '\0'));
  EXPECT_EQ(a.Receive().value(), Input::kClosed);
  a.guest().Put(0x3000, "de");
  EXPECT_EQ(a.Send(1, {{0x3000, 2}}).value(), std::nullopt);
}

TEST_F(SharedNetTest, LongPacketIsTruncated) {
  Member a(path_);
  Member b(path_);
  a.guest().Put(0x1000, "abcdef");
  EXPECT_EQ(a.Send(1, {{0x1000, 6}}).value(), 6u);
  const GuestPhys dma = b.BindReceive({{0x5000, 2}, {0x6000, 1}});
  EXPECT_EQ(b.Receive().value(), Input::kMore);
  EXPECT_EQ(b.guest().UsedLen(dma), 3u);
  EXPECT_EQ(b.guest().Get(0x5000, 2) + b.guest().Get(0x6000, 2), std::string("abc\0", 4));
}

TEST_F(SharedNetTest, SectionsLieWithinOnePage) {
  Member a(path_);
  Member b(path_);
  EXPECT_TRUE(a.Send(1, {{0x1000, 4096}}).ok());
  EXPECT_EQ(a.Send(1, {{0x1000, 4097}}).status().message(), "bad DMA entry: 4097@0x1000");
  EXPECT_EQ(a.Send(1, {{0x3000, 4}, {0x1fff, 2}}).status().message(), "bad DMA entry: 2@0x1fff");
  b.BindReceive({{0x1fff, 2}});
  EXPECT_EQ(b.Receive().status().message(), "bad DMA entry: 2@0x1fff");
}

TEST_F(SharedNetTest, NoReceiverKeepsUsedLen) {
  Member a(path_);
  EXPECT_EQ(a.Send(1, {{0x1000, 4}}).value(), std::nullopt);
  EXPECT_EQ(a.Send(0, {{0x1000, 4}}).value(), std::nullopt);  // its own slot
  EXPECT_EQ(a.Receive().value(), Input::kNoRoom);
}

TEST_F(SharedNetTest, PacketsWaitForABuffer) {
  Member a(path_);
  Member b(path_);
  ASSERT_TRUE(a.Send(1, {{0x1000, 4}}).ok());
  EXPECT_EQ(b.Receive().value(), Input::kNoRoom);
  b.BindReceive({{0x5000, 100}});
  EXPECT_EQ(b.Receive().value(), Input::kMore);
}

TEST_F(SharedNetTest, InterruptIsRaisedOnceWithoutFreeBuffer) {
  Member a(path_);
  Member b(path_);
  b.BindReceive({{0x5000, 100}});
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(a.Send(1, {{0x1000, 4}}).ok());
  EXPECT_EQ(b.Receive().value(), Input::kMore);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(b.Receive().value(), Input::kNoRoom);
  EXPECT_EQ(b.guest().host().interrupts(), (std::vector<uint32_t>{kIrq, kIrq}));
  b.BindReceive({{0x5000, 100}});
  EXPECT_EQ(b.Receive().value(), Input::kMore);
  EXPECT_EQ(b.guest().host().interrupts().size(), 3u);
  EXPECT_EQ(b.Receive().value(), Input::kNoRoom);
  EXPECT_EQ(b.guest().host().interrupts().size(), 3u) << "nothing waits";
  ASSERT_TRUE(a.Send(1, {{0x1000, 4}}).ok());
  EXPECT_EQ(b.Receive().value(), Input::kNoRoom);
  EXPECT_EQ(b.guest().host().interrupts().size(), 4u) << "once more after a buffer";
}

TEST_F(SharedNetTest, NoInterruptBeforeTheFirstBuffer) {
  Member a(path_);
  Member b(path_);
  ASSERT_TRUE(a.Send(1, {{0x1000, 4}}).ok());
  EXPECT_EQ(b.Receive().value(), Input::kNoRoom);
  EXPECT_TRUE(b.guest().host().interrupts().empty());
}

TEST_F(SharedNetTest, PacketsFillTheBuffersInOrder) {
  Member a(path_);
  Member b(path_);
  for (const char* text : {"one", "two"}) {
    a.guest().Put(0x1000, text);
    EXPECT_EQ(a.Send(1, {{0x1000, 3}}).value(), 3u);
  }
  b.guest().BindDma(NetSlotKey(kPage, 1), 0x200, {{0x5000, 100}}, kIrq);
  b.guest().BindDma(NetSlotKey(kPage, 1), 0x300, {{0x6000, 100}}, kIrq);
  EXPECT_EQ(b.Receive().value(), Input::kMore);
  EXPECT_EQ(b.Receive().value(), Input::kMore);
  EXPECT_EQ(b.guest().Get(0x5000, 3) + b.guest().Get(0x6000, 3), "onetwo");
}

TEST_F(SharedNetTest, FullQueueDropsPackets) {
  Member a(path_);
  Member b(path_);
  std::optional<uint32_t> used = 1;
  for (int i = 0; i < 1000000 && used != 0u; ++i) used = a.Send(1, {{0x1000, 1000}}).value();
  EXPECT_EQ(used, 0u);
}

TEST_F(SharedNetTest, NoPacketReleasesTheBuffer) {
  Member a(path_);
  const GuestPhys dma = a.BindReceive({{0x5000, 100}});
  a.guest().SetUsedLen(dma, kIrq);
  EXPECT_EQ(a.Receive().value(), Input::kNone);
  EXPECT_EQ(a.guest().UsedLen(dma), 0u);
}

TEST_F(SharedNetTest, EmptyBufferDropsOnlyThePacket) {
  Member a(path_);
  Member b(path_);
  ASSERT_TRUE(a.Send(1, {{0x1000, 4}}).ok());
  const GuestPhys dma = b.BindReceive({});
  EXPECT_EQ(b.Receive().value(), Input::kMore);
  EXPECT_EQ(b.guest().UsedLen(dma), 0u);
  b.BindReceive({{0x5000, 100}});
  EXPECT_EQ(b.Receive().value(), Input::kNone);
}

TEST_F(SharedNetTest, NoSocketsWhenTheHostMovesPackets) {
  Member a(path_, false);
  EXPECT_TRUE(a.device().output_keys().empty());
  EXPECT_EQ(a.device().input_fd(), -1);
  EXPECT_EQ(a.Receive().value(), Input::kClosed);
  EXPECT_EQ(dir_.Contents("net").size(), 4096u);
}

// Runs a guest that returns each packet, reversed, to slot 0.
int Echo(const std::string& path, int packets) {
  Member member(path);
  for (int i = 0; i < packets; ++i) {
    const GuestPhys dma = member.BindReceive({{0x5000, 1514}});
    Input input = Input::kNone;
    while (input != Input::kMore) {
      pollfd ready = {.fd = member.device().input_fd(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, 10000) != 1) return 1;
      input = member.Receive().value();
    }
    const auto len = static_cast<uint16_t>(member.guest().UsedLen(dma));
    const std::string packet = member.guest().Get(0x5000, len);
    member.guest().Put(0x5000, std::string(packet.rbegin(), packet.rend()));
    if (member.Send(0, {{0x5000, len}}).value() != len) return 2;
  }
  return 0;
}

TEST_F(SharedNetTest, TwoProcessesExchangePackets) {
  constexpr int kPackets = 1000;
  Member member(path_);
  const pid_t child = fork();
  if (child == 0) _exit(Echo(path_, kPackets));
  for (int i = 0; i < kPackets; ++i) {
    const std::string ping = "ping " + std::to_string(i);
    member.guest().Put(0x1000, ping);
    const GuestPhys dma = member.BindReceive({{0x5000, 1514}});
    std::optional<uint32_t> sent;
    for (int tries = 0; tries < 1000 && !sent.has_value(); ++tries) {  // until the peer exists
      sent = member.Send(1, {{0x1000, static_cast<uint16_t>(ping.size())}}).value();
      if (!sent.has_value()) usleep(10000);
    }
    ASSERT_EQ(sent, ping.size());
    Input input = Input::kNone;
    while (input != Input::kMore) {
      pollfd ready = {.fd = member.device().input_fd(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(poll(&ready, 1, 10000), 1);
      input = member.Receive().value();
    }
    ASSERT_EQ(member.guest().UsedLen(dma), ping.size());
    ASSERT_EQ(member.guest().Get(0x5000, static_cast<uint32_t>(ping.size())),
              std::string(ping.rbegin(), ping.rend()));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace lguest
