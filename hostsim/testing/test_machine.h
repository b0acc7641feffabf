// A guest for tests: some memory, page tables to put pages into, a CPU, and machine code to run on
// it.

#ifndef HOSTSIM_TESTING_TEST_MACHINE_H_
#define HOSTSIM_TESTING_TEST_MACHINE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "hostsim/testing/test_platform.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// Remembers every trap. Goes on after one only if `resume` says so.
class RecordingHandler : public TrapHandler {
 public:
  bool OnTrap(const Trap& trap) override {
    traps.push_back(trap);
    return resume ? resume(trap) : false;
  }

  std::vector<Trap> traps;
  std::function<bool(const Trap&)> resume;
};

using MachineCode = std::vector<uint8_t>;

// Page-table bits.
inline constexpr uint32_t kP = 1;   // present
inline constexpr uint32_t kW = 2;   // writable
inline constexpr uint32_t kU = 4;   // ring 3 may use it
inline constexpr uint32_t kA = 32;  // accessed
inline constexpr uint32_t kD = 64;  // dirty

inline constexpr uint32_t kPageOffset = 0xc0000000;

// Selectors of the test GDT: flat segments of both rings, and two that do not start at 0.
inline constexpr uint32_t kCode1 = 0x61;
inline constexpr uint32_t kData1 = 0x69;
inline constexpr uint32_t kCode3 = 0x73;
inline constexpr uint32_t kData3 = 0x7b;
inline constexpr uint32_t kTls3 = 0x33;  // base kTlsBase, ring 3
inline constexpr uint32_t kTlsBase = 0x40000100;

// Guest-physical: a directory at kDirectory, another at kOtherDirectory, page tables from kTables.
// All memory is mapped at kPageOffset, writable for the kernel, in both directories. Code goes to
// kCodePhys; kUserCode and kUserStack are mapped for ring 3, the latter writable, both in both
// directories. Memory from kFree on is the test's.
inline constexpr uint32_t kMemorySize = 4u << 20;
inline constexpr uint32_t kDirectory = 0x1000;
inline constexpr uint32_t kOtherDirectory = 0x2000;
inline constexpr uint32_t kCodePhys = 0x100000;
inline constexpr uint32_t kKernelCode = kPageOffset + kCodePhys;
inline constexpr uint32_t kKernelStackTop = kPageOffset + 0x120000;
inline constexpr uint32_t kUserCode = 0x08048000;  // the pages of kCodePhys
inline constexpr uint32_t kUserCodePages = 4;
inline constexpr uint32_t kUserStackTop = 0x080f1000;
inline constexpr uint32_t kFree = 0x200000;

class TestMachine {
 public:
  // CHECK-fails where the CPU cannot be made.
  TestMachine();

  // Puts `page` at the virtual address `virt` of `directory`.
  void Map(uint32_t virt, uint32_t page, uint32_t flags, uint32_t directory = kDirectory);
  // Where the entry that maps `virt` lies.
  uint32_t TableEntry(uint32_t virt, uint32_t directory = kDirectory);

  uint32_t Peek(uint32_t phys) const;
  void Poke(uint32_t phys, uint32_t value);  // told to the CPU, as the launcher would
  void PokeBytes(uint32_t phys, const MachineCode& bytes);

  // Sets all registers for code at the start of the code pages: general ones 0, flat segments of
  // the ring.
  void EnterRing(int ring);

  // The same after `code` has been put there.
  void Load(int ring, const MachineCode& code);

  // Runs until a trap, and returns that.
  Trap RunToTrap();
  // Load() and RunToTrap().
  Trap Do(int ring, const MachineCode& code);

  uint32_t reg(Register r) const { return cpu->Get(r); }

  std::unique_ptr<GuestMemory> memory;
  std::unique_ptr<Vcpu> cpu;
  std::array<uint64_t, Vcpu::kGdtEntries> gdt = {};  // what the CPU has

 private:
  uint32_t next_table_ = 0x10000;
};

// `int $0x99`: how code in tests says that it is through.
inline constexpr uint8_t kDone = 0x99;
bool IsDone(const Trap& trap);

// Moves the word at `virt` to %eax, or the other way, and is done.
MachineCode LoadFrom(uint32_t virt);
MachineCode StoreTo(uint32_t virt);

// What a page fault looks like.
bool IsPageFault(const Trap& trap, uint32_t cr2, uint32_t error_code);
// #GP(0), or another exception with an error code.
bool IsException(const Trap& trap, uint8_t vector, uint32_t error_code = 0);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_TEST_MACHINE_H_
