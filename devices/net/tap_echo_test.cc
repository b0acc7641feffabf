// Runs a guest on a real tap. The host pings it and opens a TCP connection through it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "devices/net/tap.h"
#include "devices/net/tun_net.h"
#include "devices/net/tun_spec.h"
#include "devices/testing/fake_guest.h"
#include "gtest/gtest.h"
#include "launcher/base/testing/net_namespace.h"
#include "launcher/base/unique_fd.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

constexpr GuestPhys kPage(FakeGuest::kRam + kPageSize);
constexpr uint32_t kBuffer = 0x3000;

// A guest that answers ARP for every address and returns IP packets with source and destination
// swapped. A connection to the guest reaches a listener on the host; both directions pass through
// the guest.
class Mirror {
 public:
  explicit Mirror(std::unique_ptr<Tap> tap) : device_("mirror", std::move(tap)) {
    EXPECT_TRUE(device_.Attach(guest_.memory(), {.pages = kPage, .irq = 1}).ok());
    thread_ = std::thread([this] { Run(); });
  }
  ~Mirror() {
    stop_ = true;
    thread_.join();
  }
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

 private:
  void Run() {
    while (!stop_) {
      const GuestPhys dma =
          guest_.BindDma(NetSlotKey(kPage, TunNet::kGuestSlot), 0x200, {{kBuffer, 1514}}, 1);
      const Device::Input input = device_.Receive(guest_.port()).value();
      if (input == Device::Input::kMore || input == Device::Input::kLast) {
        Answer(guest_.Get(kBuffer, guest_.UsedLen(dma)));
        continue;
      }
      pollfd ready = {.fd = device_.input_fd(), .events = POLLIN, .revents = 0};
      poll(&ready, 1, 20);
    }
  }

  static void SwapFields(std::string& packet, size_t a, size_t b, size_t len) {
    std::swap_ranges(packet.begin() + static_cast<ptrdiff_t>(a),
                     packet.begin() + static_cast<ptrdiff_t>(a + len),
                     packet.begin() + static_cast<ptrdiff_t>(b));
  }

  void Answer(std::string packet) {
    if (packet.size() < 34) return;
    const bool is_arp = packet.compare(12, 2, "\x08\x06") == 0;
    const bool is_ip = packet.compare(12, 2, std::string("\x08\x00", 2)) == 0;
    if (!is_arp && !is_ip) return;
    if (is_arp) {
      if (packet.size() < 42 || packet[21] != 1) return;
      packet[21] = 2;                                        // ARP reply
      SwapFields(packet, 22, 32, 10);                        // sender and target
      packet.replace(22, 6, "\x02\x00\x00\x00\x00\x09", 6);  // the guest's MAC
    } else {
      SwapFields(packet, 26, 30, 4);  // the checksums stay valid
    }
    packet.replace(0, 6, packet, 6, 6);
    packet.replace(6, 6, "\x02\x00\x00\x00\x00\x09", 6);
    guest_.Put(kBuffer, packet);
    const DmaChain chain = guest_.Chain(0x100, {{kBuffer, static_cast<uint16_t>(packet.size())}});
    ASSERT_TRUE(device_.Send(NetSlotKey(kPage, TunNet::kHostSlot), chain, guest_.port()).ok());
  }

  FakeGuest guest_;
  TunNet device_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

sockaddr_in Address(const char* ip, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, ip, &address.sin_addr);
  return address;
}

class TapEchoTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string skip_reason = EnterNetNamespace();
    if (!skip_reason.empty()) GTEST_SKIP() << skip_reason;
    auto tap = Tap::Open(ParseTunSpec("10.7.0.1/24").value());
    ASSERT_TRUE(tap.ok()) << tap.status();
    mirror_ = std::make_unique<Mirror>(*std::move(tap));
  }

  std::unique_ptr<Mirror> mirror_;
};

TEST_F(TapEchoTest, Ping) {
  const UniqueFd raw(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  if (!raw.valid()) GTEST_SKIP() << "no raw socket: " << strerror(errno);
  const sockaddr_in guest = Address("10.7.0.2", 0);
  for (uint16_t i = 0; i < 10; ++i) {
    std::array<uint8_t, 8> ping = {ICMP_ECHO, 0, 0, 0, 0x12, 0x34, 0, static_cast<uint8_t>(i)};
    const uint32_t sum = 0x0800 + 0x1234 + i;
    ping[2] = static_cast<uint8_t>(~sum >> 8);
    ping[3] = static_cast<uint8_t>(~sum);
    ASSERT_EQ(sendto(raw.get(), ping.data(), ping.size(), 0,
                     reinterpret_cast<const sockaddr*>(&guest), sizeof(guest)),
              ssize_t{8});
    while (true) {
      pollfd ready = {.fd = raw.get(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(poll(&ready, 1, 10000), 1) << "no answer to ping " << i;
      std::array<uint8_t, 100> reply;
      const ssize_t len = recv(raw.get(), reply.data(), reply.size(), 0);
      if (len >= 28 && reply[20] == ICMP_ECHOREPLY && reply[15] == 2 && reply[27] == i) break;
    }
  }
}

TEST_F(TapEchoTest, HundredMegabytesOfTcp) {
  constexpr size_t kTotal = size_t{100} << 20;
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in here = Address("10.7.0.1", 5001);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&here), sizeof(here)), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  size_t received = 0;
  bool intact = true;
  std::thread server([&] {
    const UniqueFd connection(accept(listener.get(), nullptr, nullptr));
    std::vector<uint8_t> part(size_t{1} << 16);
    while (true) {
      const ssize_t len = recv(connection.get(), part.data(), part.size(), 0);
      if (len <= 0) break;
      for (size_t i = 0; i < static_cast<size_t>(len); ++i) {
        intact = intact && part[i] == static_cast<uint8_t>((received + i) % 251);
      }
      received += static_cast<size_t>(len);
    }
  });
  {
    const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in guest = Address("10.7.0.2", 5001);
    EXPECT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&guest), sizeof(guest)), 0);
    std::vector<uint8_t> part(size_t{1} << 16);
    for (size_t sent = 0; sent < kTotal;) {
      for (size_t i = 0; i < part.size(); ++i) part[i] = static_cast<uint8_t>((sent + i) % 251);
      const ssize_t len =
          send(client.get(), part.data(), std::min(part.size(), kTotal - sent), MSG_NOSIGNAL);
      if (len <= 0) break;
      sent += static_cast<size_t>(len);
    }
  }
  server.join();
  EXPECT_EQ(received, kTotal);
  EXPECT_TRUE(intact);
}

}  // namespace
}  // namespace lguest
