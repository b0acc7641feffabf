// Counts the instructions of the software CPU and stops it at a count.
//
// Each block of translated code starts with
//
//   budget -= instructions of this block;
//   if (budget < 0) { refused = instructions of this block; exit to the library's loop; }
//
// This replaces the library's own check for exit requests, so a request is seen when the budget is
// used up, at the latest. unicorn_count_wraps.cc emits the code; nothing is emitted for a CPU that
// does not count.

#ifndef HOSTSIM_SOFTCPU_INSTRUCTION_COUNTER_H_
#define HOSTSIM_SOFTCPU_INSTRUCTION_COUNTER_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "hostsim/counted_runs.h"
#include "hostsim/debug_stops.h"

namespace lguest::hostsim {

// Belongs to the thread that owns the CPU. The count is exact between two blocks and inside
// UnicornClient::OnException(). In the middle of a block it includes the whole block.
class InstructionCounter final : public CountedRuns {
 public:
  // Words in the library's structures (UnicornLayout). They outlive the counter.
  struct Words {
    int64_t& budget;        // of translated code
    uint32_t& refused;      // instructions of the block that did not fit into the budget; 0: none
    uint32_t& next_cflags;  // the library limits the next block to so many instructions
  };

  // The guest leaves translated code after so many instructions, at the latest, to look for an exit
  // request: after about 20 us.
  static constexpr uint64_t kPollInterval = 1 << 14;

  explicit InstructionCounter(const Words& words) : words_(words) { Reset(); }

  // CountedRuns.
  uint64_t count() const override { return end_ - static_cast<uint64_t>(words_.budget); }
  void StopAt(std::optional<uint64_t> count) override;
  void SetTimeStamp(const CountedTimeStamp& time_stamp) override { time_stamp_ = time_stamp; }

  // Sets the count to 0 and removes the stop.
  void Reset();

  bool is_stop_due() const { return at_breakpoint_ || count() >= std::min(stop_, debug_stop_); }
  // Removes the stop if it is due. Returns true if it was.
  bool TakeStop();
  // The same for a breakpoint that is hit, or the stop after a watched access.
  std::optional<DebugHit::Kind> TakeDebugStop();

  // The library's loop runs, between two blocks. `is_breakpoint`: the next instruction has a
  // breakpoint. Returns true if Run() must return.
  bool OnLoop(bool is_breakpoint);

  // The instruction at the current count begins even if it has a breakpoint.
  void PassBreakpoint() { pass_at_ = count(); }
  // The CPU is back at the start of an instruction that makes a watched access. It is to stop after
  // that instruction.
  void StopAfterNext() {
    debug_stop_ = count() + 1;
    Refill();
  }
  // The instruction at `count` makes a watched access, for which the CPU will stop already.
  bool stops_after(uint64_t count) const { return debug_stop_ == count + 1; }

  // For a block that refuses to run: such costs exhaust every budget, and the flag marks its
  // refusal.
  static constexpr uint64_t kBreakpointCost = uint64_t{1} << 50;
  static constexpr uint32_t kBreakpointFlag = 1u << 30;

  // Makes the guest exit to the library's loop before the next block.
  void ExitBeforeNextBlock() { SetEnd(count()); }

  // The CPU is back at the start of an instruction in the middle of a block. That instruction and
  // those after it, `instructions` in all, have not run.
  void OnRestore(uint32_t instructions) {
    words_.budget += instructions;
    restored_ = true;
  }

  // The next instruction cannot be fetched: a page fault follows.
  void OnFetchFault() { fetch_fault_ = true; }

  // Counts the instruction that raises an exception, unless its block has counted it. Returns false
  // if that instruction must not begin, because the stop is due. Then the exception is dropped; it
  // comes again when the guest continues.
  bool OnException();

  // Adds to the count, or takes back, instructions of the current block.
  void Add(int64_t instructions) { words_.budget -= instructions; }

  // The guest's time stamp at `count`; nullopt: that of the processor.
  std::optional<uint64_t> TimeStampAt(uint64_t count) const;

  // The code of the block that is being translated.
  struct Block {
    bool starts = false;               // its first operation, the check, has not been emitted
    uint64_t env = 0;                  // the operand that is the address of CPUX86State
    uint64_t* instructions = nullptr;  // the operand that is subtracted from the budget
  };
  Block& block() { return block_; }

 private:
  static constexpr uint64_t kNever = ~uint64_t{0};

  // Sets the budget so that it is used up at the count `end`.
  void SetEnd(uint64_t end);
  void Refill();

  const Words words_;
  uint64_t end_ = 0;
  uint64_t stop_ = kNever;
  uint64_t debug_stop_ = kNever;
  uint64_t pass_at_ = kNever;   // do not stop at a breakpoint at this count
  bool at_breakpoint_ = false;  // the CPU has stopped there
  // About the exception that is being raised.
  bool restored_ = false;
  bool fetch_fault_ = false;
  std::optional<CountedTimeStamp> time_stamp_;
  Block block_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_INSTRUCTION_COUNTER_H_
