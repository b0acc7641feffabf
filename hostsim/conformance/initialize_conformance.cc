// INITIALIZE, and which requests are allowed: ABI.md §2.1, §2.3, §2.4.

#include "absl/status/status.h"
#include "hostsim/conformance/conformance.h"

namespace lguest::hostsim {
namespace {

class Initialize : public ConformanceTest {};
LGUEST_CONFORMANCE_SUITE(Initialize);

TEST_P(Initialize, AnyOtherRequestFirst_EINVAL) {
  Make(Script().Init());
  EXPECT_TRUE(absl::IsInvalidArgument(host().GetDma(DmaKey(0)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(host().RaiseInterrupt(1)));
  EXPECT_TRUE(absl::IsInvalidArgument(host().BreakOut()));
  EXPECT_TRUE(absl::IsInvalidArgument(host().Resume()));
}

TEST_P(Initialize, ReadBeforeInitialize_EINVAL) {
  Make(Script().Init());
  EXPECT_TRUE(absl::IsInvalidArgument(host().Run().status()));
}

TEST_P(Initialize, SecondInitialize_EBUSY) {
  Start(Script().Init().Crash("the first one continues"));
  EXPECT_EQ(host().Initialize(boot()).code(), absl::ErrnoToStatusCode(EBUSY));
  EXPECT_EQ(Death(), "CRASH: the first one continues");
}

TEST_P(Initialize, PageOffset0xFFC00000_EINVAL) {
  Make(Script().Init().Crash("x"));
  BootState wrong = boot();
  wrong.page_offset = 0xffc00000;
  EXPECT_TRUE(absl::IsInvalidArgument(host().Initialize(wrong)));
  ASSERT_TRUE(host().Initialize(boot()).ok()) << "a failed attempt has no effect";
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Initialize, PageOffset0xFFBFF000IsAccepted) {
  Make(Script().Init());
  BootState odd = boot();
  odd.page_offset = 0xffbff000;
  EXPECT_TRUE(host().Initialize(odd).ok());
}

TEST_P(Initialize, StartsGuestAtEntry) {
  EXPECT_EQ(DeathOf(Script().Init().Crash("started")), "CRASH: started");
}

TEST_P(Initialize, AnotherThread_EPERM) {
  Start(Script().Init().Crash("mine"));
  EXPECT_TRUE(
      absl::IsPermissionDenied(OnAnotherThread([&] { return host().GetDma(DmaKey(0)).status(); })));
  EXPECT_TRUE(absl::IsPermissionDenied(OnAnotherThread([&] { return host().RaiseInterrupt(1); })));
  EXPECT_TRUE(absl::IsPermissionDenied(OnAnotherThread([&] { return host().Run().status(); })));
  EXPECT_EQ(Death(), "CRASH: mine") << "the requests did not affect the guest";
}

TEST_P(Initialize, OwnerIsAThread) {
  Make(Script().Init());
  ASSERT_TRUE(OnAnotherThread([&] { return host().Initialize(boot()); }).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(host().RaiseInterrupt(1)));
  EXPECT_TRUE(absl::IsPermissionDenied(host().Run().status()));
}

}  // namespace
}  // namespace lguest::hostsim
