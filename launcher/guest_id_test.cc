#include "launcher/guest_id.h"

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

// Not that of the guests that may be running.
std::string OwnPool() { return absl::StrCat("lguest-guest-id-test-", getpid()); }

TEST(GuestIdTest, GuestsThatRunTogetherHaveDifferentIds) {
  const GuestId first = GuestId::Claim(OwnPool());
  const GuestId second = GuestId::Claim(OwnPool());
  const GuestId third = GuestId::Claim(OwnPool());
  EXPECT_EQ(first.value(), 0);
  EXPECT_EQ(second.value(), 1);
  EXPECT_EQ(third.value(), 2);
}

TEST(GuestIdTest, TheIdOfAGuestThatEndedIsFreeAgain) {
  std::optional<GuestId> first = GuestId::Claim(OwnPool());
  const GuestId second = GuestId::Claim(OwnPool());
  first.reset();
  EXPECT_EQ(GuestId::Claim(OwnPool()).value(), 0);
}

TEST(GuestIdTest, AGuestForWhichNoIdCanBeHadRunsWithoutOne) {
  const std::string too_long(200, 'x');
  const GuestId first = GuestId::Claim(too_long);
  const GuestId second = GuestId::Claim(too_long);
  EXPECT_EQ(first.value(), 0);
  EXPECT_EQ(second.value(), 0) << "shared, as it is nobody's";
}

}  // namespace
}  // namespace lguest
