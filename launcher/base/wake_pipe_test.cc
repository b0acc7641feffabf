#include "launcher/base/wake_pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>

namespace lguest {
namespace {

bool IsReadable(const WakePipe& pipe) {
  pollfd wait = {.fd = pipe.fd(), .events = POLLIN, .revents = 0};
  return poll(&wait, 1, 0) == 1;
}

TEST(WakePipe, IsReadableFromWakeToClear) {
  const WakePipe pipe = WakePipe::Create().value();
  EXPECT_FALSE(IsReadable(pipe));
  pipe.Clear();
  pipe.Wake();
  pipe.Wake();
  EXPECT_TRUE(IsReadable(pipe));
  pipe.Clear();
  EXPECT_FALSE(IsReadable(pipe));
}

TEST(WakePipe, FullPipeDoesNotBlock_F16) {
  const WakePipe pipe = WakePipe::Create().value();
  for (int i = 0; i < 100'000; ++i) pipe.Wake();
  EXPECT_TRUE(IsReadable(pipe));
  pipe.Clear();
  EXPECT_FALSE(IsReadable(pipe));
}

TEST(WakePipe, HandlersOfSignalsMayWake) {
  const WakePipe pipe = WakePipe::Create().value();
  errno = ENOENT;
  pipe.Wake();
  EXPECT_EQ(errno, ENOENT);
}

TEST(WakePipe, DescriptorsAreCloseOnExec) {
  const WakePipe pipe = WakePipe::Create().value();
  EXPECT_NE(fcntl(pipe.fd(), F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace
}  // namespace lguest
