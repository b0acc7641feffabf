#include "devices/net/tun_spec.h"

#include "gtest/gtest.h"

namespace lguest {
namespace {

TEST(ParseTunSpec, EveryKind) {
  EXPECT_EQ(ParseTunSpec("192.168.19.1").value(), TunSpec(TunAddress{{0xc0a81301, 24}}));
  EXPECT_EQ(ParseTunSpec("10.1.1.1/16").value(), TunSpec(TunAddress{{0x0a010101, 16}}));
  EXPECT_EQ(ParseTunSpec("bridge:br0").value(), TunSpec(TunBridge{"br0"}));
  EXPECT_EQ(ParseTunSpec("tap:mine").value(), TunSpec(TunExistingTap{"mine"}));
  EXPECT_EQ(ParseTunSpec("fd:3").value(), TunSpec(TunDescriptor{3}));
}

TEST(ParseTunSpec, NameLengthIsLimited_B74) {
  EXPECT_TRUE(ParseTunSpec("bridge:abcdefghijklmno").ok());
  EXPECT_EQ(ParseTunSpec("bridge:abcdefghijklmnop").status().message(),
            "interface name 'abcdefghijklmnop' is too long: at most 15 characters");
  EXPECT_FALSE(ParseTunSpec("tap:abcdefghijklmnop").ok());
}

TEST(ParseTunSpec, BadNames) {
  for (const char* value : {"bridge:", "tap:", "tap:tap%d", "tap:a b", "tap:a/b", "tap:a:b",
                            "tap:.", "tap:..", "tap:\x1b[1m", "tap:\xc3\xa4"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTunSpec(value).status())) << value;
  }
}

TEST(ParseTunSpec, BadDescriptors) {
  for (const char* value : {"fd:", "fd:0", "fd:1", "fd:2", "fd:-1", "fd:x", "fd:3x", "fd: 3",
                            "fd:2147483648", "fd:99999999999999999999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTunSpec(value).status())) << value;
  }
  EXPECT_TRUE(ParseTunSpec("fd:2147483647").ok());
}

TEST(ParseTunSpec, ErrorListsTheAlternatives) {
  EXPECT_EQ(ParseTunSpec("br0").status().message(),
            "an IP address has four numbers from 0 to 255, A.B.C.D (or use bridge:NAME, tap:NAME, "
            "fd:NUMBER)");
}

}  // namespace
}  // namespace lguest
