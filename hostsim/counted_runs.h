// The interface of a CPU that counts the guest's instructions exactly.

#ifndef HOSTSIM_COUNTED_RUNS_H_
#define HOSTSIM_COUNTED_RUNS_H_

#include <cstdint>
#include <optional>

namespace lguest::hostsim {

// What the guest reads with rdtsc: offset + count * per_instruction, where `count` is that before
// the rdtsc.
struct CountedTimeStamp {
  uint64_t offset = 0;
  uint64_t per_instruction = 1;
};

// Counts the instructions that the guest begins, from 0. A guest that starts with the same state
// and gets the same input at the same counts does the same again. A CPU offers this by
// Vcpu::counted(). Called on the thread that owns the CPU, outside Run() or in its TrapHandler.
//
//   - An instruction that faults counts, and counts again if the guest repeats it. So does one that
//     cannot be fetched.
//   - A string instruction with a rep prefix counts at each iteration, and at the end if it finds
//     %ecx to be 0.
//   - The entry into a handler does not count. It belongs to the count at which it happens.
//
// The accessed bit of the page that holds the next instruction may be set before that instruction
// begins, or not. All other state of the guest is exact at each count.
class CountedRuns {
 public:
  virtual ~CountedRuns() = default;

  // Inside TrapHandler::OnTrap() the instruction that caused the trap is counted.
  virtual uint64_t count() const = 0;

  // Makes Vcpu::Run() return Stop::kCount once, before the guest begins an instruction at `count`
  // or above. If that is reached already, the next Run() returns at once. Replaces the previous
  // stop. nullopt: no stop.
  virtual void StopAt(std::optional<uint64_t> count) = 0;

  // Makes rdtsc exact. Without it the guest reads the time stamp counter of the processor.
  virtual void SetTimeStamp(const CountedTimeStamp& time_stamp) = 0;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_COUNTED_RUNS_H_
