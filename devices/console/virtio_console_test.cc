#include "devices/console/virtio_console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "devices/testing/fake_console_backend.h"
#include "devices/testing/virtio_machine.h"

namespace lguest {
namespace {

using Input = Device::Input;

constexpr size_t kInput = 0;
constexpr size_t kOutput = 1;
constexpr uint32_t kBuffer = VirtioMachine::kData;

class VirtioConsoleTest : public testing::Test {
 protected:
  FakeUser user_;
  VirtioConsole console_{std::make_unique<Console>(std::make_unique<FakeConsoleBackend>(user_))};
  VirtioMachine machine_{console_};
};

TEST_F(VirtioConsoleTest, OutputIsWrittenAndReturned) {
  machine_.Put(kBuffer, "hello world");
  machine_.ring(kOutput).Add({{kBuffer, 6, false}, {kBuffer + 6, 5, false}});
  ASSERT_TRUE(console_.Notify(kOutput).ok());
  EXPECT_EQ(user_.output, "hello world");
  EXPECT_EQ(machine_.ring(kOutput).used_index(), 1);
  EXPECT_EQ(machine_.interrupts(), 1);
}

TEST_F(VirtioConsoleTest, EarlyOutputNeedsNoQueue) {
  machine_.queue(kOutput).Disable();
  ASSERT_TRUE(console_.EarlyOutput("boot").ok());
  EXPECT_EQ(user_.output, "boot");
}

TEST_F(VirtioConsoleTest, InputFillsABuffer) {
  user_.input = {"ls\r"};
  machine_.ring(kInput).Add({{kBuffer, 100, true}});
  ASSERT_TRUE(console_.Notify(kInput).ok());
  EXPECT_EQ(*console_.Receive(), Input::kMore);
  EXPECT_EQ(machine_.Get(kBuffer, 3), "ls\r");
  EXPECT_EQ(machine_.ring(kInput).used_entry(0).length, 3u);
  EXPECT_EQ(machine_.interrupts(), 1);
}

TEST_F(VirtioConsoleTest, InputWaitsForABuffer) {
  user_.input = {"x"};
  EXPECT_EQ(*console_.Receive(), Input::kHeld);
  machine_.ring(kInput).Add({{kBuffer, 100, true}});
  EXPECT_EQ(*console_.Receive(), Input::kMore);
  EXPECT_EQ(machine_.Get(kBuffer, 1), "x");
}

TEST_F(VirtioConsoleTest, InputBeforeTheDriverIsHeld) {
  machine_.queue(kInput).Disable();
  user_.input = {"x"};
  EXPECT_EQ(*console_.Receive(), Input::kHeld);
}

TEST_F(VirtioConsoleTest, ThreeAbortKeysEndTheLauncher) {
  user_.input = {"\3\3\3"};
  EXPECT_TRUE(absl::IsCancelled(console_.Receive().status()));
}

TEST_F(VirtioConsoleTest, GuestWaitsForASlowReader) {
  user_.room = 2;
  user_.room_per_wait = 2;
  machine_.Put(kBuffer, "hello");
  machine_.ring(kOutput).Add({{kBuffer, 5, false}});
  ASSERT_TRUE(console_.Notify(kOutput).ok());
  EXPECT_EQ(user_.output, "hello");
  EXPECT_EQ(user_.waits, 2);
}

TEST_F(VirtioConsoleTest, RequestToEndInterruptsOutput) {
  user_.room = 0;
  user_.asked_to_end = true;
  machine_.ring(kOutput).Add({{kBuffer, 5, false}});
  EXPECT_TRUE(absl::IsCancelled(console_.Notify(kOutput)));
}

TEST_F(VirtioConsoleTest, BadRingKills) {
  machine_.ring(kOutput).MakeAvailable(FakeRing::kSize);
  EXPECT_TRUE(absl::IsInvalidArgument(console_.Notify(kOutput)));
}

}  // namespace
}  // namespace lguest
