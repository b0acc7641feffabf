#include "devices/net/ipv4.h"

#include <string>

#include "gtest/gtest.h"

namespace lguest {
namespace {

TEST(ParseIpv4Prefix, AddressAndLength) {
  EXPECT_EQ(ParseIpv4Prefix("192.168.19.1/20").value(), (Ipv4Prefix{0xc0a81301, 20}));
  EXPECT_EQ(ParseIpv4Prefix("10.0.0.1/31").value(), (Ipv4Prefix{0x0a000001, 31}));
  EXPECT_EQ(ParseIpv4Prefix("10.0.0.0/31").value(), (Ipv4Prefix{0x0a000000, 31}));
  EXPECT_EQ(ParseIpv4Prefix("10.0.0.0/32").value(), (Ipv4Prefix{0x0a000000, 32}));
  EXPECT_EQ(ParseIpv4Prefix("223.255.255.254/1").value(), (Ipv4Prefix{0xdffffffe, 1}));
}

TEST(ParseIpv4Prefix, DefaultLengthIsClassful_B75) {
  EXPECT_EQ(ParseIpv4Prefix("10.1.2.3")->length, 8);
  EXPECT_EQ(ParseIpv4Prefix("126.1.2.3")->length, 8);
  EXPECT_EQ(ParseIpv4Prefix("128.1.2.3")->length, 16);
  EXPECT_EQ(ParseIpv4Prefix("172.16.0.1")->length, 16);
  EXPECT_EQ(ParseIpv4Prefix("191.1.2.3")->length, 16);
  EXPECT_EQ(ParseIpv4Prefix("192.168.19.1")->length, 24);
}

TEST(ParseIpv4Prefix, Netmask) {
  EXPECT_EQ((Ipv4Prefix{0, 1}.netmask()), 0x80000000u);
  EXPECT_EQ((Ipv4Prefix{0, 24}.netmask()), 0xffffff00u);
  EXPECT_EQ((Ipv4Prefix{0, 32}.netmask()), 0xffffffffu);
}

TEST(ParseIpv4Prefix, InvalidTextIsRefused_B73) {
  for (const char* text : {"",
                           ".",
                           "1",
                           "1.2.3",
                           "1.2.3.",
                           "1.2.3.4.",
                           "1.2.3.4.5",
                           "1.2.3.256",
                           "999.1.1.1",
                           "1.2.3.-4",
                           "+1.2.3.4",
                           " 1.2.3.4",
                           "1.2.3.4 ",
                           "1.2.3.4x",
                           "1..3.4",
                           "01.2.3.4",
                           "1.2.3.04",
                           "0x1.2.3.4",
                           "1.2.3.4\n",
                           "1.2.3.4/",
                           "1.2.3.4/0",
                           "1.2.3.4/33",
                           "1.2.3.4/08",
                           "1.2.3.4/-1",
                           "1.2.3.4/24/",
                           "1.2.3.4/24x",
                           "1.2.3.4/255.255.255.0",
                           "1.2.3.4294967300",
                           "localhost",
                           "::1",
                           "bridge"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseIpv4Prefix(text).status())) << text;
  }
  EXPECT_FALSE(ParseIpv4Prefix(std::string_view("1.2.3.4\0", 8)).ok());
}

TEST(ParseIpv4Prefix, UnusableAddressIsRefused) {
  for (const char* text :
       {"0.0.0.0", "0.1.2.3/24", "127.0.0.1", "224.0.0.1", "240.1.1.1", "255.255.255.255",
        "10.0.0.0", "10.255.255.255", "192.168.1.0/24", "192.168.1.255/24", "192.168.1.4/30"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseIpv4Prefix(text).status())) << text;
  }
}

}  // namespace
}  // namespace lguest
