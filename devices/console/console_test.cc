#include "devices/console/console.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "devices/testing/fake_console_backend.h"
#include "devices/testing/fake_guest.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

using Input = Device::Input;

class ConsoleTest : public testing::Test {
 protected:
  ConsoleTest()
      : console_(
            std::make_unique<FakeConsoleBackend>(user_),
            [this](const std::string& line) { log_lines_.push_back(line); },
            [this] { return now_; }) {
    EXPECT_TRUE(console_.Attach(guest_.memory(), {.pages = GuestPhys(0), .irq = 1}).ok());
  }

  absl::StatusOr<Input> Receive() { return console_.Receive(guest_.port()); }

  // Binds the input buffer of the guest.
  GuestPhys BindInput(uint16_t len = 256) {
    return guest_.BindDma(kConsoleKey, 0x200, {{0x3000, len}}, 1);
  }

  FakeGuest guest_;
  FakeUser user_;
  std::vector<std::string> log_lines_;
  std::chrono::nanoseconds now_{};
  Console console_;
};

TEST_F(ConsoleTest, DescribesItself) {
  EXPECT_EQ(console_.type(), DeviceType::kConsole);
  EXPECT_EQ(console_.num_pages(), 0);
  EXPECT_EQ(console_.features(), 0);
  EXPECT_EQ(console_.output_keys(), std::vector<DmaKey>{DmaKey(0)});
}

TEST_F(ConsoleTest, WritesAllSectionsUnchanged) {
  guest_.Put(0x1000, "\x1b[1mhel");
  guest_.Put(0x2000, "lo\n");
  const auto used =
      console_.Send(kConsoleKey, guest_.Chain(0x100, {{0x1000, 7}, {0x2000, 3}}), guest_.port());
  EXPECT_EQ(used.value(), 10u);
  EXPECT_EQ(user_.output, "\x1b[1mhello\n");
}

TEST_F(ConsoleTest, EmptyOutputIsIgnored) {
  EXPECT_EQ(console_.Send(kConsoleKey, guest_.Chain(0x100, {}), guest_.port()).value(), 0u);
  EXPECT_EQ(user_.output, "");
}

TEST_F(ConsoleTest, ClosedOutputIsLoggedOnce_B46) {
  user_.output_error = absl::UnavailableError("Broken pipe");
  for (int i = 0; i < 1000; ++i) {
    const auto used = console_.Send(kConsoleKey, guest_.Chain(0x100, {{0x1000, 7}}), guest_.port());
    ASSERT_EQ(used.value(), 7u);  // not -1
  }
  EXPECT_EQ(log_lines_, std::vector<std::string>{"console output is lost: Broken pipe"});
}

TEST_F(ConsoleTest, InputFillsTheGuestsBuffer) {
  const GuestPhys dma = BindInput();
  user_.input = {"ls\n"};
  EXPECT_EQ(Receive().value(), Input::kMore);
  EXPECT_EQ(guest_.Get(0x3000, 3), "ls\n");
  EXPECT_EQ(guest_.UsedLen(dma), 3u);
  EXPECT_EQ(guest_.host().interrupts(), std::vector<uint32_t>{1});
  EXPECT_EQ(Receive().value(), Input::kNone);
}

TEST_F(ConsoleTest, InputIsSpreadOverSections) {
  guest_.BindDma(kConsoleKey, 0x200, {{0x3000, 2}, {0x4000, 10}}, 1);
  user_.input = {"abcde"};
  EXPECT_EQ(Receive().value(), Input::kMore);
  EXPECT_EQ(guest_.Get(0x3000, 2), "ab");
  EXPECT_EQ(guest_.Get(0x4000, 4), std::string("cde\0", 4));
}

TEST_F(ConsoleTest, InputIsHeldWithoutABuffer_B44) {
  user_.input = {"early ", "bird"};
  EXPECT_EQ(Receive().value(), Input::kHeld);
  EXPECT_EQ(Receive().value(), Input::kHeld);
  EXPECT_TRUE(guest_.host().interrupts().empty());
  EXPECT_TRUE(log_lines_.empty());
  const GuestPhys dma = BindInput();
  EXPECT_EQ(Receive().value(), Input::kMore);
  EXPECT_EQ(guest_.Get(0x3000, 10), "early bird");
  EXPECT_EQ(guest_.UsedLen(dma), 10u);
}

TEST_F(ConsoleTest, InputContinuesInTheNextBuffer) {
  BindInput(4);
  user_.input = {"abcdef"};
  EXPECT_EQ(Receive().value(), Input::kMore);
  EXPECT_EQ(Receive().value(), Input::kHeld);
  const GuestPhys next = guest_.BindDma(kConsoleKey, 0x300, {{0x5000, 4}}, 1);
  EXPECT_EQ(Receive().value(), Input::kMore);
  EXPECT_EQ(guest_.Get(0x3000, 4) + guest_.Get(0x5000, 2), "abcdef");
  EXPECT_EQ(guest_.UsedLen(next), 2u);
}

TEST_F(ConsoleTest, HeldInputIsLimited) {
  user_.input = {std::string(100000, 'x')};
  EXPECT_EQ(Receive().value(), Input::kNoRoom);
  const int reads = user_.reads;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Receive().value(), Input::kNoRoom);
  EXPECT_EQ(user_.reads, reads);
  EXPECT_EQ(user_.input.front().size(), 100000 - Console::kMaxHeld);
}

TEST_F(ConsoleTest, EmptyBufferIsReleased) {
  const GuestPhys dma = guest_.BindDma(kConsoleKey, 0x200, {}, 1);
  guest_.SetUsedLen(dma, 1);
  user_.input = {"a"};
  EXPECT_EQ(Receive().value(), Input::kHeld);
  EXPECT_EQ(guest_.UsedLen(dma), 0u);
  EXPECT_TRUE(guest_.host().interrupts().empty());
}

TEST_F(ConsoleTest, BufferIsNotTakenWithoutInput) {
  BindInput();
  EXPECT_EQ(Receive().value(), Input::kNone);
  EXPECT_TRUE(guest_.port().NextBuffer(kConsoleKey)->has_value());
}

TEST_F(ConsoleTest, EndOfInputKeepsOutput) {
  user_.input = {"bye"};
  user_.end_of_input = true;
  EXPECT_EQ(Receive().value(), Input::kHeld);
  EXPECT_EQ(Receive().value(), Input::kNoRoom);  // the end of input stays readable
  BindInput();
  EXPECT_EQ(Receive().value(), Input::kMore);
  EXPECT_EQ(guest_.Get(0x3000, 3), "bye");
  EXPECT_EQ(Receive().value(), Input::kClosed);
  EXPECT_EQ(Receive().value(), Input::kClosed);
  EXPECT_EQ(console_.Send(kConsoleKey, guest_.Chain(0x100, {{0x3000, 3}}), guest_.port()).value(),
            3u);
  EXPECT_EQ(user_.output, "bye");
  EXPECT_TRUE(log_lines_.empty());
}

TEST_F(ConsoleTest, NothingToReadIsNotTheEnd_B45) {
  BindInput();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Receive().value(), Input::kNone);
  user_.input = {"x"};
  EXPECT_EQ(Receive().value(), Input::kMore);
}

TEST_F(ConsoleTest, InputErrorIsLoggedOnceAndClosesInput) {
  user_.input_error = absl::UnknownError("Input/output error");
  EXPECT_EQ(Receive().value(), Input::kClosed);
  EXPECT_EQ(Receive().value(), Input::kClosed);
  EXPECT_EQ(log_lines_, std::vector<std::string>{"console input has ended: Input/output error"});
}

TEST_F(ConsoleTest, AbortKeyEndsTheLauncher_B43) {
  BindInput();
  user_.input = {"\3\3\3"};
  EXPECT_TRUE(absl::IsCancelled(Receive().status()));
}

TEST_F(ConsoleTest, AbortKeyWorksWithoutABuffer) {
  user_.input = {"hello?\3"};
  EXPECT_EQ(Receive().value(), Input::kHeld);
  user_.input = {"\3"};
  EXPECT_EQ(Receive().value(), Input::kHeld);
  now_ = std::chrono::seconds(1);
  user_.input = {"\3"};
  EXPECT_TRUE(absl::IsCancelled(Receive().status()));
}

TEST_F(ConsoleTest, SlowInterruptKeysReachTheGuest_B43) {
  for (int i = 0; i < 6; ++i) {
    guest_.BindDma(kConsoleKey, 0x200, {{0x3000, 8}}, 1);
    user_.input = {"\3"};
    ASSERT_EQ(Receive().value(), Input::kMore);
    EXPECT_EQ(guest_.Get(0x3000, 1), "\3");
    now_ += std::chrono::milliseconds(501);
  }
}

TEST_F(ConsoleTest, SendWaitsForASlowReader) {
  guest_.Put(0x1000, "0123456789");
  user_.room = 4;
  user_.room_per_wait = 3;
  EXPECT_EQ(console_.Send(kConsoleKey, guest_.Chain(0x100, {{0x1000, 10}}), guest_.port()).value(),
            10u);
  EXPECT_EQ(user_.output, "0123456789");
  EXPECT_EQ(user_.waits, 2);
}

TEST_F(ConsoleTest, AbortKeyWorksWhileOutputWaits_F14) {
  user_.room = 0;
  user_.room_per_wait = 0;
  user_.input = {"\3", "\3", "\3"};
  const auto used = console_.Send(kConsoleKey, guest_.Chain(0x100, {{0x1000, 10}}), guest_.port());
  EXPECT_TRUE(absl::IsCancelled(used.status()));
  EXPECT_EQ(user_.waits, 3);
}

TEST_F(ConsoleTest, RequestToEndWorksWhileOutputWaits_F5) {
  user_.room = 0;
  user_.asked_to_end = true;
  const auto used = console_.Send(kConsoleKey, guest_.Chain(0x100, {{0x1000, 10}}), guest_.port());
  EXPECT_TRUE(absl::IsCancelled(used.status()));
}

TEST_F(ConsoleTest, InputOfAnotherProgramIsLeftAlone_F10) {
  user_.input_error = absl::FailedPreconditionError("in the background");
  EXPECT_EQ(Receive().value(), Input::kNotNow);
  user_.input_error = absl::OkStatus();
  user_.input = {"x"};
  BindInput();
  EXPECT_EQ(Receive().value(), Input::kMore);
  EXPECT_TRUE(log_lines_.empty());
}

TEST_F(ConsoleTest, InputOfAnotherProgramDoesNotEndTheWaitForRoom_F10) {
  user_.room = 0;
  guest_.Put(0x1000, "0123456789");
  const DmaChain chain = guest_.Chain(0x100, {{0x1000, 10}});
  EXPECT_TRUE(console_.Send(kConsoleKey, chain, guest_.port()).ok());
  EXPECT_EQ(user_.waited_for, 0) << "the input";
  user_.input_error = absl::FailedPreconditionError("in the background");
  ASSERT_EQ(Receive().value(), Input::kNotNow);
  user_.room = 0;
  EXPECT_TRUE(console_.Send(kConsoleKey, chain, guest_.port()).ok());
  EXPECT_EQ(user_.waited_for, -1);
}

TEST_F(ConsoleTest, OutputIsFinishedAtTheEnd) {
  user_.unfinished_flushes = 2;
  console_.Finish();
  EXPECT_EQ(user_.waits, 2);
  EXPECT_TRUE(log_lines_.empty());
}

TEST_F(ConsoleTest, AbortedLauncherDoesNotWaitForTheReaderOfItsOutput) {
  user_.input = {"\3\3\3"};
  ASSERT_TRUE(absl::IsCancelled(Receive().status()));
  user_.unfinished_flushes = 2;
  console_.Finish();
  EXPECT_EQ(user_.waits, 0);
  EXPECT_EQ(log_lines_,
            std::vector<std::string>{"console output is lost: its reader does not read it"});
}

TEST_F(ConsoleTest, BadInputBufferEndsTheGuest) {
  guest_.BindDma(kConsoleKey, 0x200, {{FakeGuest::kSize - 1, 2}}, 1);
  user_.input = {"x"};
  EXPECT_TRUE(absl::IsOutOfRange(Receive().status()));
}

}  // namespace
}  // namespace lguest
