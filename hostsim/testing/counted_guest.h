// A guest for tests of CountedRuns: a program with most ways in which a block of code can end.

#ifndef HOSTSIM_TESTING_COUNTED_GUEST_H_
#define HOSTSIM_TESTING_COUNTED_GUEST_H_

#include <array>
#include <cstdint>
#include <functional>

#include "hostsim/counted_runs.h"
#include "hostsim/testing/test_machine.h"
#include "hostsim/testing/test_platform.h"
#include "hostsim/vcpu.h"

namespace lguest::hostsim {

// The program runs `rounds` times (below 128) through a loop with pushes, rdtsc, rep stos, `int n`,
// faults, into, a store into the next instruction, and loope. The trap handler skips the
// instruction that faults.
class CountedGuest {
 public:
  static constexpr uint64_t kRoundLength = 26;

  // All that the program can change.
  struct State {
    uint64_t count = 0;
    std::array<uint32_t, 9> registers = {};  // general registers and %eip
    uint32_t eflags = 0;
    std::array<uint32_t, 8> stack = {};  // the words below the top
    uint32_t stored = 0;                 // by rep stos
    uint32_t code = 0;                   // the word that the program changes

    bool operator==(const State&) const = default;
  };

  explicit CountedGuest(uint8_t rounds, const TestPlatform& platform = CurrentTestPlatform());

  // The count at the end of the program.
  static constexpr uint64_t Length(uint8_t rounds) { return 2 + rounds * kRoundLength; }

  CountedRuns& counted() { return *machine_.cpu->counted(); }

  // Runs to `count`, or to the end of the program.
  State RunTo(uint64_t count);

  // Runs to the end. After n stops, the next one is `distance(n)` instructions later.
  State RunWithStops(const std::function<uint64_t(uint32_t n)>& distance);

 private:
  class Handler : public TrapHandler {
   public:
    explicit Handler(Vcpu& cpu) : cpu_(cpu) {}
    bool OnTrap(const Trap& trap) override;

   private:
    Vcpu& cpu_;
  };

  // Returns false at the end of the program.
  bool Run();
  State Now();

  TestMachine machine_;
  Handler handler_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_COUNTED_GUEST_H_
