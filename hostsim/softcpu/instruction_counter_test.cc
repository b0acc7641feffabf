// The counter alone. The test does what translated code and the library's loop do.

#include "hostsim/softcpu/instruction_counter.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

namespace lguest::hostsim {
namespace {

class InstructionCounterTest : public testing::Test {
 protected:
  static constexpr uint32_t kNoLimit = ~uint32_t{0};

  // A block of translated code. Returns false if it does not run.
  bool RunBlock(uint32_t instructions) {
    budget_ -= instructions;
    if (budget_ >= 0) return true;
    refused_ = instructions;
    return false;
  }

  int64_t budget_ = 0;
  uint32_t refused_ = 0;
  uint32_t next_cflags_ = kNoLimit;
  InstructionCounter counter_{
      {.budget = budget_, .refused = refused_, .next_cflags = next_cflags_}};
};

TEST_F(InstructionCounterTest, CountsBlocks) {
  EXPECT_EQ(counter_.count(), 0u);
  EXPECT_TRUE(RunBlock(5));
  EXPECT_TRUE(RunBlock(7));
  EXPECT_EQ(counter_.count(), 12u);
}

TEST_F(InstructionCounterTest, PollIntervalEndsWithoutAStop) {
  uint64_t blocks = 0;
  while (RunBlock(100)) ++blocks;
  EXPECT_EQ(blocks, InstructionCounter::kPollInterval / 100);
  EXPECT_FALSE(counter_.OnLoop(false));
  EXPECT_EQ(counter_.count(), blocks * 100);
  EXPECT_EQ(next_cflags_, kNoLimit);
  EXPECT_TRUE(RunBlock(100));
}

TEST_F(InstructionCounterTest, LastBlockBeforeAStopIsLimited) {
  counter_.StopAt(13);
  EXPECT_TRUE(RunBlock(10));
  EXPECT_FALSE(RunBlock(10));
  EXPECT_FALSE(counter_.OnLoop(false));
  EXPECT_EQ(next_cflags_, 3u);
  EXPECT_TRUE(RunBlock(3));
  EXPECT_TRUE(counter_.OnLoop(false));
  EXPECT_EQ(counter_.count(), 13u);
}

TEST_F(InstructionCounterTest, BlockThatEndsAtTheStopIsNotLimited) {
  counter_.StopAt(10);
  EXPECT_TRUE(RunBlock(10));
  EXPECT_FALSE(RunBlock(1));
  EXPECT_TRUE(counter_.OnLoop(false));
  EXPECT_EQ(counter_.count(), 10u);
  EXPECT_EQ(next_cflags_, kNoLimit);
}

TEST_F(InstructionCounterTest, StopJustAfterAPollIntervalIsExact) {
  counter_.StopAt(InstructionCounter::kPollInterval + 4);
  EXPECT_TRUE(RunBlock(InstructionCounter::kPollInterval - 1));
  EXPECT_FALSE(RunBlock(9));
  EXPECT_FALSE(counter_.OnLoop(false));
  EXPECT_EQ(next_cflags_, 5u);
  EXPECT_TRUE(RunBlock(5));
  EXPECT_TRUE(counter_.OnLoop(false));
}

TEST_F(InstructionCounterTest, StopIsTakenOnce) {
  counter_.StopAt(3);
  EXPECT_FALSE(counter_.TakeStop());
  EXPECT_TRUE(RunBlock(3));
  EXPECT_TRUE(counter_.TakeStop());
  EXPECT_FALSE(counter_.TakeStop());
  EXPECT_TRUE(RunBlock(3));
}

TEST_F(InstructionCounterTest, StopInThePastIsDue) {
  EXPECT_TRUE(RunBlock(8));
  counter_.StopAt(5);
  EXPECT_TRUE(counter_.is_stop_due());
  EXPECT_FALSE(RunBlock(1));
  EXPECT_TRUE(counter_.OnLoop(false));
  EXPECT_EQ(counter_.count(), 8u);
}

TEST_F(InstructionCounterTest, FaultInMidBlockCountsUpToTheFault) {
  EXPECT_TRUE(RunBlock(10));
  counter_.OnRestore(7);
  EXPECT_TRUE(counter_.OnException());
  EXPECT_EQ(counter_.count(), 4u);
}

TEST_F(InstructionCounterTest, ExceptionAtTheEndOfABlockIsCountedByTheBlock) {
  EXPECT_TRUE(RunBlock(10));
  EXPECT_TRUE(counter_.OnException());
  EXPECT_EQ(counter_.count(), 10u);
}

// The library goes back to a store that has changed its own block.
TEST_F(InstructionCounterTest, RestoredInstructionThatRunsAgainCountsOnce) {
  EXPECT_TRUE(RunBlock(10));
  counter_.OnRestore(7);
  EXPECT_FALSE(counter_.OnLoop(false));
  EXPECT_TRUE(RunBlock(1));
  EXPECT_TRUE(counter_.OnException());
  EXPECT_EQ(counter_.count(), 4u);
}

TEST_F(InstructionCounterTest, FetchFaultAtAStopIsDropped) {
  counter_.StopAt(2);
  EXPECT_TRUE(RunBlock(2));
  counter_.OnFetchFault();
  EXPECT_FALSE(counter_.OnException());
  EXPECT_TRUE(counter_.TakeStop());
  counter_.OnFetchFault();
  EXPECT_TRUE(counter_.OnException());
  EXPECT_EQ(counter_.count(), 3u);
}

TEST_F(InstructionCounterTest, FetchFaultWithoutBudgetCounts) {
  EXPECT_TRUE(RunBlock(InstructionCounter::kPollInterval));
  counter_.OnFetchFault();
  EXPECT_TRUE(counter_.OnException());
  EXPECT_FALSE(RunBlock(6));
  EXPECT_FALSE(counter_.OnLoop(false));
  EXPECT_EQ(counter_.count(), InstructionCounter::kPollInterval + 1);
  EXPECT_TRUE(RunBlock(6));
}

TEST_F(InstructionCounterTest, ExitBeforeNextBlockKeepsTheCount) {
  EXPECT_TRUE(RunBlock(4));
  counter_.ExitBeforeNextBlock();
  EXPECT_EQ(counter_.count(), 4u);
  EXPECT_FALSE(RunBlock(1));
  EXPECT_FALSE(counter_.OnLoop(false));
  EXPECT_TRUE(RunBlock(1));
}

TEST_F(InstructionCounterTest, TimeStampIsLinear) {
  EXPECT_EQ(counter_.TimeStampAt(4), std::nullopt);
  counter_.SetTimeStamp({.offset = 100, .per_instruction = 3});
  EXPECT_EQ(counter_.TimeStampAt(4), 112u);
}

}  // namespace
}  // namespace lguest::hostsim
