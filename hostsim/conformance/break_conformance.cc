// BREAK: ABI.md §2.9.

#include <array>
#include <atomic>
#include <future>
#include <thread>
#include <variant>

#include "absl/status/status.h"
#include "hostsim/conformance/conformance.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kIrq = 9;

class Break : public ConformanceTest {
 protected:
  std::future<absl::Status> BreakOut() {
    return std::async(std::launch::async, [this] { return host().BreakOut(); });
  }
  bool IsBrokenOut() { return std::holds_alternative<BrokenOut>(Run()); }
};
LGUEST_CONFORMANCE_SUITE(Break);

TEST_P(Break, BreaksOutRunningGuestAndBlocks) {
  Start(Script().Init().Spin(kIrq).Crash("x"));
  std::future<absl::Status> breaker = BreakOut();
  EXPECT_TRUE(IsBrokenOut());
  EXPECT_EQ(breaker.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_TRUE(host().Resume().ok());
  EXPECT_TRUE(breaker.get().ok());
  EXPECT_TRUE(host().RaiseInterrupt(kIrq).ok());
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Break, BreaksOutHaltedGuest) {
  Start(Script().Init().Wait(kIrq).Crash("x"));
  std::future<absl::Status> breaker = BreakOut();
  EXPECT_TRUE(IsBrokenOut());
  EXPECT_TRUE(host().Resume().ok());
  EXPECT_TRUE(breaker.get().ok());
  EXPECT_TRUE(host().RaiseInterrupt(kIrq).ok());
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Break, ReadsDuringBreakReturn_EAGAIN) {
  Start(Script().Init().Wait(kIrq).Crash("x"));
  std::future<absl::Status> breaker = BreakOut();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(IsBrokenOut());
  EXPECT_TRUE(host().RaiseInterrupt(kIrq).ok());
  EXPECT_TRUE(IsBrokenOut()) << "despite the pending interrupt";
  EXPECT_TRUE(host().Resume().ok());
  EXPECT_TRUE(breaker.get().ok());
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Break, OneResumeReleasesAllBreakers) {
  Start(Script().Init().Wait(kIrq).Crash("x"));
  std::array<std::future<absl::Status>, 4> breakers;
  for (std::future<absl::Status>& breaker : breakers) breaker = BreakOut();
  // A breaker that comes after a Resume() breaks out again, so more than one Resume() may be
  // needed.
  std::atomic<bool> all_released = false;
  std::future<absl::Status> last = std::async(std::launch::async, [&] {
    for (std::future<absl::Status>& breaker : breakers) EXPECT_TRUE(breaker.get().ok());
    all_released = true;
    return host().BreakOut();
  });
  int resumes = 0;
  for (bool was_last = false; !was_last; ++resumes) {
    EXPECT_TRUE(IsBrokenOut());
    was_last = all_released;
    EXPECT_TRUE(host().Resume().ok());
  }
  EXPECT_TRUE(last.get().ok());
  EXPECT_LE(resumes, 6);
}

TEST_P(Break, AnyThreadMayResume) {
  Start(Script().Init().Wait(kIrq).Crash("x"));
  std::future<absl::Status> breaker = BreakOut();
  EXPECT_TRUE(IsBrokenOut());
  EXPECT_TRUE(OnAnotherThread([&] { return host().Resume(); }).ok());
  EXPECT_TRUE(breaker.get().ok());
}

TEST_P(Break, ResumeWithoutBreakHasNoEffect) {
  Start(Script().Init().Crash("x"));
  EXPECT_TRUE(host().Resume().ok());
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Break, OwnerBlocksItself) {
  Start(Script().Init().Crash("x"));
  std::atomic<bool> resumed = false;
  std::atomic<bool> is_back = false;
  std::thread other([&] {
    while (!is_back) {
      resumed = true;
      EXPECT_TRUE(host().Resume().ok());
      std::this_thread::yield();
    }
  });
  EXPECT_TRUE(host().BreakOut().ok());
  EXPECT_TRUE(resumed);
  is_back = true;
  other.join();
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Break, RequestOfTheOwnerBreaksOutOnce) {
  Start(Script().Init().Send(DmaKey(0), GuestPhys(kFree)).Crash("x"));
  host().RequestBreakOut();
  EXPECT_TRUE(IsBrokenOut());
  EXPECT_EQ(Sent().dma, GuestPhys(kFree));
  host().RequestBreakOut();
  host().RequestBreakOut();
  EXPECT_TRUE(IsBrokenOut());
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Break, RequestOfTheOwnerBreaksOutHaltedGuest) {
  Start(Script().Init().Send(DmaKey(0), GuestPhys(kFree)).Wait(kIrq).Crash("x"));
  EXPECT_EQ(Sent().dma, GuestPhys(kFree));
  host().RequestBreakOut();
  EXPECT_TRUE(IsBrokenOut());
  EXPECT_TRUE(host().RaiseInterrupt(kIrq).ok());
  EXPECT_EQ(Death(), "CRASH: x");
}

TEST_P(Break, RequestOfTheOwnerIsIgnoredAfterDeath) {
  Start(Script().Init().Crash("x"));
  EXPECT_EQ(Death(), "CRASH: x");
  host().RequestBreakOut();
  EXPECT_EQ(Death(), "CRASH: x");
}

// The real kernel does not release the breaker. The Host must do so.
TEST_P(Break, DeathReleasesTheBreaker) {
  Start(Script()
            .Init()
            .Bind(DmaKey(0), GuestPhys(0xfffff000), 1, 1)
            .Send(DmaKey(0), GuestPhys(kFree))
            .Spin(kIrq));
  EXPECT_EQ(Sent().dma, GuestPhys(kFree));
  std::future<absl::Status> breaker = BreakOut();
  EXPECT_TRUE(IsBrokenOut());
  EXPECT_FALSE(host().GetDma(DmaKey(0)).ok());
  EXPECT_EQ(Death(), "bad read address 0xfffff000 len 100");
  EXPECT_TRUE(absl::IsNotFound(breaker.get()));
}

}  // namespace
}  // namespace lguest::hostsim
