#include "launcher/guest_id.h"

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

// A pool of this test only, because other guests may be running.
std::string OwnPool() { return absl::StrCat("lguest-guest-id-test-", getpid()); }

TEST(GuestIdTest, ConcurrentGuestsHaveDifferentIds) {
  const GuestId first = GuestId::Claim(OwnPool());
  const GuestId second = GuestId::Claim(OwnPool());
  const GuestId third = GuestId::Claim(OwnPool());
  EXPECT_EQ(first.value(), 0);
  EXPECT_EQ(second.value(), 1);
  EXPECT_EQ(third.value(), 2);
}

TEST(GuestIdTest, IdIsFreedWhenTheGuestEnds) {
  std::optional<GuestId> first = GuestId::Claim(OwnPool());
  const GuestId second = GuestId::Claim(OwnPool());
  first.reset();
  EXPECT_EQ(GuestId::Claim(OwnPool()).value(), 0);
}

TEST(GuestIdTest, IdIsZeroIfNoneIsAvailable) {
  const std::string too_long(200, 'x');
  const GuestId first = GuestId::Claim(too_long);
  const GuestId second = GuestId::Claim(too_long);
  EXPECT_EQ(first.value(), 0);
  EXPECT_EQ(second.value(), 0) << "unreserved, so two guests can have it";
}

}  // namespace
}  // namespace lguest
