#include "devices/net/shared_net_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "devices/net/shared_net.h"
#include "devices/testing/fake_guest.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

constexpr GuestPhys kPage(FakeGuest::kRam + kPageSize);

NetPeer Mac(uint8_t last) { return {{2, 0, 0, 0, 0, last}}; }

std::string Packet(const NetPeer& to, const std::string& text) {
  return std::string(to.mac.begin(), to.mac.end()) + std::string("\2\0\0\0\0\x63\x08\x06", 8) +
         text;
}

class SharedNetBackendTest : public testing::Test {
 protected:
  std::unique_ptr<SharedNetBackend> Join(const NetPeer& mac) {
    auto net = SharedNetBackend::Open(SharedNetFile::Open(path_).value(), mac);
    EXPECT_TRUE(net.ok()) << net.status();
    return *std::move(net);
  }

  static void Send(SharedNetBackend& from, const std::string& packet) {
    const iovec piece = {.iov_base = const_cast<char*>(packet.data()), .iov_len = packet.size()};
    EXPECT_TRUE(from.Write(std::span(&piece, 1)).ok());
  }
  // The next packet; empty: none.
  static std::string Next(SharedNetBackend& net) {
    std::array<char, 2000> bytes;
    const iovec piece = {.iov_base = bytes.data(), .iov_len = bytes.size()};
    const auto len = net.Read(IoVector(std::span(&piece, 1)));
    return len.ok() ? std::string(bytes.data(), *len) : "";
  }

  TempDir dir_;
  std::string path_ = dir_.Path("net");
};

TEST_F(SharedNetBackendTest, PacketGoesToItsDestination) {
  const auto a = Join(Mac(1));
  const auto b = Join(Mac(2));
  const auto c = Join(Mac(3));
  const std::string packet = Packet(Mac(2), "hello");
  Send(*a, packet);
  EXPECT_TRUE(b->IsReadable());
  EXPECT_EQ(Next(*b), packet);
  EXPECT_EQ(Next(*c), "");
  EXPECT_EQ(Next(*a), "");
}

TEST_F(SharedNetBackendTest, BroadcastGoesToAllOthers) {
  const auto a = Join(Mac(1));
  const auto b = Join(Mac(2));
  const auto c = Join(Mac(3));
  const std::string packet = Packet({{255, 255, 255, 255, 255, 255}}, "who");
  Send(*a, packet);
  EXPECT_EQ(Next(*b), packet);
  EXPECT_EQ(Next(*c), packet);
  EXPECT_EQ(Next(*a), "");
}

TEST_F(SharedNetBackendTest, PromiscuousPeerGetsAll) {
  const auto a = Join(Mac(1));
  NetPeer promiscuous = Mac(9);
  promiscuous.mac[0] |= 1;
  const auto b = Join(promiscuous);
  Send(*a, Packet(Mac(77), "x"));
  EXPECT_EQ(Next(*b), Packet(Mac(77), "x"));
}

TEST_F(SharedNetBackendTest, PeerThatHasLeftGetsNothing) {
  const auto a = Join(Mac(1));
  Join(Mac(2)).reset();
  Send(*a, Packet(Mac(2), "x"));
}

TEST_F(SharedNetBackendTest, PacketWithoutAnAddressIsRefused) {
  const auto a = Join(Mac(1));
  const iovec piece = {.iov_base = path_.data(), .iov_len = 5};
  EXPECT_FALSE(a->Write(std::span(&piece, 1)).ok());
  EXPECT_FALSE(a->Write({}).ok());
}

TEST_F(SharedNetBackendTest, AddressMayBeSplit) {
  const auto a = Join(Mac(1));
  const auto b = Join(Mac(2));
  std::string packet = Packet(Mac(2), "x");
  const std::array<iovec, 2> pieces = {
      {{.iov_base = packet.data(), .iov_len = 3},
       {.iov_base = packet.data() + 3, .iov_len = packet.size() - 3}}};
  EXPECT_TRUE(a->Write(pieces).ok());
  EXPECT_EQ(Next(*b), packet);
}

TEST_F(SharedNetBackendTest, FileThatIsCutOffHasNoReceivers) {
  const auto a = Join(Mac(1));
  const auto b = Join(Mac(2));
  ASSERT_EQ(truncate(path_.c_str(), 0), 0);
  Send(*a, Packet(Mac(2), "x"));
  EXPECT_EQ(Next(*b), "");
}

// A guest of Linux 2.6.23 chooses the receivers itself, by the MACs in the page.
TEST_F(SharedNetBackendTest, GuestsOf2623TakePart) {
  FakeGuest guest;
  auto file = SharedNetFile::Open(path_).value();
  const uint32_t slot = file->slot();
  auto sockets = PeerSockets::Open(*file).value();
  SharedNet old(std::move(file), std::move(sockets));
  ASSERT_TRUE(old.Attach(guest.memory(), {.pages = kPage, .irq = 1}).ok());
  const auto later = Join(Mac(2));

  ASSERT_TRUE(guest.memory().Write(NetSlotAddress(kPage, slot), Mac(1)).ok());
  const uint32_t other = slot + 1;
  EXPECT_EQ(guest.memory().Read<NetPeer>(NetSlotAddress(kPage, other))->mac, Mac(2).mac);
  guest.Put(0x3000, Packet(Mac(2), "from the old guest"));
  const auto len = static_cast<uint16_t>(Packet(Mac(2), "from the old guest").size());
  ASSERT_TRUE(
      old.Send(NetSlotKey(kPage, other), guest.Chain(0x100, {{0x3000, len}}), guest.port()).ok());
  EXPECT_EQ(Next(*later), Packet(Mac(2), "from the old guest"));

  guest.BindDma(NetSlotKey(kPage, slot), 0x200, {{0x4000, 1514}}, 1);
  Send(*later, Packet(Mac(1), "and back"));
  ASSERT_TRUE(old.Receive(guest.port()).ok());
  const std::string back = Packet(Mac(1), "and back");
  EXPECT_EQ(guest.Get(0x4000, static_cast<uint32_t>(back.size())), back);
}

}  // namespace
}  // namespace lguest
