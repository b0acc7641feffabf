#include "devices/net/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "devices/net/net_interface.h"
#include "devices/net/tun_spec.h"
#include "gtest/gtest.h"
#include "launcher/base/testing/net_namespace.h"
#include "launcher/base/testing/without_capabilities.h"
#include "launcher/base/unique_fd.h"

namespace lguest {
namespace {

class TapTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string skip_reason = EnterNetNamespace();
    if (!skip_reason.empty()) GTEST_SKIP() << skip_reason;
    socket_ = UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  }

  static absl::StatusOr<std::unique_ptr<Tap>> Open(std::string_view value) {
    return Tap::Open(ParseTunSpec(value).value());
  }

  ifreq Ask(const std::string& name, unsigned long what) {
    ifreq request = {};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    EXPECT_EQ(ioctl(socket_.get(), what, &request), 0) << name;
    return request;
  }

  static uint32_t Address(const ifreq& request) {
    sockaddr_in in;
    std::memcpy(&in, &request.ifr_addr, sizeof(in));
    return ntohl(in.sin_addr.s_addr);
  }

  // Creates a persistent tap, as an administrator would.
  static UniqueFd MakeTap(const std::string& name, int flags = IFF_TAP | IFF_NO_PI) {
    UniqueFd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request = {};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(flags);
    EXPECT_EQ(ioctl(fd.get(), TUNSETIFF, &request), 0);
    EXPECT_EQ(ioctl(fd.get(), TUNSETPERSIST, 1), 0);
    return fd;
  }

  static void Remove(const std::string& name) {
    struct {
      nlmsghdr header;
      ifinfomsg body;
    } message = {};
    message.header.nlmsg_len = sizeof(message);
    message.header.nlmsg_type = RTM_DELLINK;
    message.header.nlmsg_flags = NLM_F_REQUEST;
    message.body.ifi_index = static_cast<int>(if_nametoindex(name.c_str()));
    const UniqueFd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    EXPECT_EQ(send(netlink.get(), &message, sizeof(message), 0),
              static_cast<ssize_t>(sizeof(message)));
  }

  UniqueFd socket_;
};

TEST_F(TapTest, AddressNetmaskAndFlags_B75) {
  const auto tap = Open("10.9.8.7/20");
  ASSERT_TRUE(tap.ok()) << tap.status();
  const std::string& name = (*tap)->interface();
  EXPECT_EQ(Address(Ask(name, SIOCGIFADDR)), 0x0a090807u);
  EXPECT_EQ(Address(Ask(name, SIOCGIFNETMASK)), 0xfffff000u);
  const short flags = Ask(name, SIOCGIFFLAGS).ifr_flags;
  EXPECT_NE(flags & IFF_UP, 0);
  EXPECT_NE(flags & IFF_MULTICAST, 0);
  EXPECT_NE(flags & IFF_BROADCAST, 0);
  const ifreq hardware = Ask(name, SIOCGIFHWADDR);
  EXPECT_EQ(std::memcmp((*tap)->mac().mac.data(), hardware.ifr_hwaddr.sa_data, 6), 0);
}

TEST_F(TapTest, DescriptorIsNonBlockingAndCloseOnExec_B53) {
  const auto tap = Open("10.9.8.7");
  ASSERT_TRUE(tap.ok()) << tap.status();
  EXPECT_NE(fcntl((*tap)->fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl((*tap)->fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(TapTest, CreatedTapIsRemoved) {
  std::string name;
  {
    const auto tap = Open("10.9.8.7");
    ASSERT_TRUE(tap.ok()) << tap.status();
    name = (*tap)->interface();
    EXPECT_TRUE(InterfaceExists(name));
  }
  EXPECT_FALSE(InterfaceExists(name));
}

TEST_F(TapTest, PacketsTravelBothWays) {
  const auto tap = Open("10.9.8.7/24");
  ASSERT_TRUE(tap.ok()) << tap.status();
  // "Who has 10.9.8.7? Tell 10.9.8.8."
  std::array<unsigned char, 42> ask = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  9, 9, 9, 9, 9, 0x08, 0x06,               // Ethernet
      0,    1,    8,    0,    6,    4,    0,  1, 2, 9, 9, 9, 9,    9,    10, 9, 8, 8,  // ARP
      0,    0,    0,    0,    0,    0,    10, 9, 8, 7};
  const std::array<iovec, 1> packet = {{{ask.data(), ask.size()}}};
  ASSERT_TRUE((*tap)->Write(packet).ok());
  std::array<unsigned char, 2000> reply;
  const std::array<iovec, 1> to = {{{reply.data(), reply.size()}}};
  for (int i = 0; i < 1000; ++i) {
    const auto len = (*tap)->Read(IoVector(to));
    if (!len.ok()) {
      ASSERT_TRUE(absl::IsUnavailable(len.status())) << len.status();
      pollfd ready = {.fd = (*tap)->fd(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(poll(&ready, 1, 10000), 1);
      continue;
    }
    // Other packets, such as IPv6 neighbour discovery, may come first.
    if (*len >= 42 && reply[12] == 8 && reply[13] == 6 && reply[21] == 2) {
      EXPECT_EQ(std::memcmp(reply.data() + 28, "\x0a\x09\x08\x07", 4), 0);
      EXPECT_EQ(std::memcmp(reply.data() + 22, (*tap)->mac().mac.data(), 6), 0);
      return;
    }
  }
  FAIL() << "no answer";
}

TEST_F(TapTest, BridgeGetsATap) {
  const UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (ioctl(control.get(), SIOCBRADDBR, "br0") != 0) {
    GTEST_SKIP() << "no bridge: " << strerror(errno);
  }
  const auto tap = Open("bridge:br0");
  ASSERT_TRUE(tap.ok()) << tap.status();
  EXPECT_NE(Ask((*tap)->interface(), SIOCGIFFLAGS).ifr_flags & IFF_UP, 0);
  // The tap is already a port of the bridge.
  EXPECT_EQ(AddToBridge((*tap)->interface(), "br0").message(),
            "adding " + (*tap)->interface() + " to bridge br0: Device or resource busy");
}

TEST_F(TapTest, MissingBridgeIsRefused_B76) {
  EXPECT_EQ(Open("bridge:nobr").status().message(),
            "bridge nobr does not exist (ip link add nobr type bridge)");
  EXPECT_FALSE(InterfaceExists("tap0"));
}

TEST_F(TapTest, NotABridgeIsRefused_B76) {
  EXPECT_EQ(Open("bridge:lo").status().message(), "adding tap0 to lo: lo is not a bridge");
  EXPECT_FALSE(InterfaceExists("tap0"));
}

TEST_F(TapTest, ExistingTapIsNotChanged_B76) {
  {
    const UniqueFd made = MakeTap("mine");
  }
  {
    const auto tap = Open("tap:mine");
    ASSERT_TRUE(tap.ok()) << tap.status();
    EXPECT_EQ((*tap)->interface(), "mine");
    EXPECT_EQ(Ask("mine", SIOCGIFFLAGS).ifr_flags & IFF_UP, 0);
    EXPECT_EQ(Open("tap:mine").status().message(), "attaching to mine: another program uses it");
  }
  EXPECT_TRUE(InterfaceExists("mine"));
}

TEST_F(TapTest, MissingTapIsNotCreated_B76) {
  EXPECT_EQ(Open("tap:nowhere").status().message(),
            "interface nowhere does not exist (ip tuntap add dev nowhere mode tap)");
  EXPECT_FALSE(InterfaceExists("nowhere"));
  EXPECT_EQ(Open("tap:lo").status().message(), "attaching to lo: it is not a single-queue tap");
}

TEST_F(TapTest, DescriptorOfATapIsAdopted) {
  const UniqueFd made = MakeTap("mine");
  const int given = dup(made.get());
  {
    const auto tap = Open("fd:" + std::to_string(given));
    ASSERT_TRUE(tap.ok()) << tap.status();
    EXPECT_EQ((*tap)->interface(), "mine");
    EXPECT_NE(fcntl(given, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(fcntl(given, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_EQ(fcntl(given, F_GETFD), -1);
}

TEST_F(TapTest, DescriptorOfSomethingElseIsRefused) {
  EXPECT_EQ(Open("fd:1000").status().message(), "descriptor 1000: Bad file descriptor");
  const std::string fd = std::to_string(socket_.get());
  EXPECT_EQ(Open("fd:" + fd).status().message(), "descriptor " + fd + " is not attached to a tap");
  const UniqueFd tun = MakeTap("tunnel", IFF_TUN | IFF_NO_PI);
  EXPECT_FALSE(Open("fd:" + std::to_string(tun.get())).ok());
  const UniqueFd with_header = MakeTap("header", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  EXPECT_FALSE(Open("fd:" + std::to_string(with_header.get())).ok());
  EXPECT_NE(fcntl(with_header.get(), F_GETFD), -1);  // not closed: the caller keeps ownership
}

TEST_F(TapTest, InterfaceDownDropsPackets_B50) {
  {
    const UniqueFd made = MakeTap("mine");
  }
  const auto tap = Open("tap:mine");
  ASSERT_TRUE(tap.ok()) << tap.status();
  std::array<char, 60> bytes = {};
  const std::array<iovec, 1> packet = {{{bytes.data(), bytes.size()}}};
  EXPECT_EQ((*tap)->Write(packet).message(), "writing to mine (is it up?): Input/output error");
  EXPECT_TRUE(absl::IsUnavailable((*tap)->Read(IoVector(packet)).status()));
  ASSERT_TRUE(BringUp("mine").ok());
  EXPECT_TRUE((*tap)->Write(packet).ok());
}

TEST_F(TapTest, RemovedInterfaceIsNotFound) {
  {
    const UniqueFd made = MakeTap("mine");
  }
  const auto tap = Open("tap:mine");
  ASSERT_TRUE(tap.ok()) << tap.status();
  Remove("mine");
  std::array<char, 60> bytes = {};
  const std::array<iovec, 1> packet = {{{bytes.data(), bytes.size()}}};
  absl::Status status;
  for (int i = 0; i < 1000; ++i) {
    status = (*tap)->Read(IoVector(packet)).status();
    if (absl::IsNotFound(status)) break;
    usleep(1000);
  }
  EXPECT_EQ(status.message(), "interface mine has been removed");
}

TEST_F(TapTest, MissingPrivilegeGivesAdvice_B76) {
  const WithoutCapabilities no_capabilities;
  const absl::Status status = Open("10.9.8.7").status();
  EXPECT_NE(status.message().find("CAP_NET_ADMIN"), std::string::npos) << status;
  EXPECT_NE(status.message().find("tap:NAME"), std::string::npos) << status;
}

}  // namespace
}  // namespace lguest
