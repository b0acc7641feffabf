#include "launcher/guest_id.h"

#include <sched.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

// A pool of this test only, because other guests may be running.
std::string OwnPool() { return absl::StrCat("lguest-guest-id-test-", getpid()); }

TEST(GuestIdTest, PreferredIdIsTaken_F7) {
  EXPECT_EQ(GuestId::Claim(0x1234, OwnPool()).value(), 0x1234);
}

TEST(GuestIdTest, ConcurrentGuestsHaveDifferentIds) {
  const GuestId first = GuestId::Claim(0xffff, OwnPool());
  const GuestId second = GuestId::Claim(0xffff, OwnPool());
  const GuestId third = GuestId::Claim(0xffff, OwnPool());
  EXPECT_EQ(first.value(), 0xffff);
  EXPECT_EQ(second.value(), 0);
  EXPECT_EQ(third.value(), 1);
}

TEST(GuestIdTest, IdIsFreedWhenTheGuestEnds) {
  std::optional<GuestId> first = GuestId::Claim(7, OwnPool());
  const GuestId second = GuestId::Claim(7, OwnPool());
  first.reset();
  EXPECT_EQ(GuestId::Claim(7, OwnPool()).value(), 7);
}

TEST(GuestIdTest, IdIsThePreferredOneIfNoneIsAvailable) {
  const std::string too_long(200, 'x');
  const GuestId first = GuestId::Claim(7, too_long);
  const GuestId second = GuestId::Claim(7, too_long);
  EXPECT_EQ(first.value(), 7);
  EXPECT_EQ(second.value(), 7) << "unreserved, so two guests can have it";
}

TEST(GuestIdTest, CommandLineAndDirectoryDecide_F7) {
  const std::vector<std::string> one = {"--tunnet=bridge:br0", "64", "vmlinux"};
  const std::vector<std::string> other = {"--tunnet=bridge:br1", "64", "vmlinux"};
  const uint16_t id = PreferredGuestId(one);
  EXPECT_EQ(PreferredGuestId(one), id);
  EXPECT_NE(PreferredGuestId(other), id);
  ASSERT_EQ(chdir("/"), 0);
  EXPECT_NE(PreferredGuestId(one), id);
}

TEST(GuestIdTest, NetworkNamespaceDecides_F7) {
  const std::vector<std::string> words = {"64", "vmlinux"};
  const uint16_t id = PreferredGuestId(words);
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    GTEST_SKIP() << "this process may not create a network namespace";
  }
  EXPECT_NE(PreferredGuestId(words), id);
}

}  // namespace
}  // namespace lguest
