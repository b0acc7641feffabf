#include "hostsim/kvm/kick_signal.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>

#include "absl/status/status.h"
#include "launcher/base/testing/failing_system_call.h"

namespace lguest::hostsim {
namespace {

TEST(KickTimerTest, MissingTimerIsAnError_F17) {
  EXPECT_EQ(RunWithFault({.number = SYS_timer_create, .error = EAGAIN},
                         [] {
                           KickTimer timer;
                           const absl::Status error = timer.ArmOrExpire().status();
                           timer.Stop();
                           return absl::IsResourceExhausted(error) ? 42 : 1;
                         }),
            42);
}

TEST(KickTimerTest, IsNotExpiredAtOnce) {
  PrepareKickSignal();
  KickTimer timer;
  EXPECT_FALSE(timer.ArmOrExpire().value());
  EXPECT_FALSE(timer.ArmOrExpire().value());
  timer.Stop();
}

}  // namespace
}  // namespace lguest::hostsim
