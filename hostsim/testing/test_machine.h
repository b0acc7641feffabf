// A guest for tests of a CPU: memory, page tables, a CPU, and machine code to run on it.

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

// Records every trap. Continues after a trap only if `resume` returns true.
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

// Page table bits.
inline constexpr uint32_t kP = 1;   // present
inline constexpr uint32_t kW = 2;   // writable
inline constexpr uint32_t kU = 4;   // user (ring 3)
inline constexpr uint32_t kA = 32;  // accessed
inline constexpr uint32_t kD = 64;  // dirty

inline constexpr uint32_t kPageOffset = 0xc0000000;

// Selectors of the test GDT: flat segments for both rings, and two segments with a base other than
// 0.
inline constexpr uint32_t kCode1 = 0x61;
inline constexpr uint32_t kData1 = 0x69;
inline constexpr uint32_t kCode3 = 0x73;
inline constexpr uint32_t kData3 = 0x7b;
inline constexpr uint32_t kTls3 = 0x33;  // base kTlsBase, ring 3
inline constexpr uint32_t kTlsBase = 0x40000100;

// Guest-physical layout: one directory at kDirectory, another at kOtherDirectory, page tables from
// kTables on. Both directories map all memory at kPageOffset, writable for the kernel. Code goes to
// kCodePhys. Both directories map kUserCode and kUserStack for ring 3; the stack is writable. Tests
// may use memory from kFree on.
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
  // CHECK-fails if the CPU cannot be made.
  explicit TestMachine(const TestPlatform& platform = CurrentTestPlatform());

  // Maps the virtual address `virt` to `page` in `directory`.
  void Map(uint32_t virt, uint32_t page, uint32_t flags, uint32_t directory = kDirectory);
  // Returns the address of the page table entry of `virt`.
  uint32_t TableEntry(uint32_t virt, uint32_t directory = kDirectory);

  uint32_t Peek(uint32_t phys) const;
  void Poke(uint32_t phys, uint32_t value);  // and notifies the CPU, as the launcher does
  void PokeBytes(uint32_t phys, const MachineCode& bytes);

  // Sets all registers for code at the start of the code pages: general registers are 0, segments
  // are the flat segments of the ring.
  void EnterRing(int ring);

  // Writes `code` to the code pages, then does EnterRing().
  void Load(int ring, const MachineCode& code);

  // Runs until a trap, and returns the trap.
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

// `int $0x99`: the end of test code.
inline constexpr uint8_t kDone = 0x99;
bool IsDone(const Trap& trap);

// Code that moves the word at `virt` to %eax, or %eax to the word, and ends.
MachineCode LoadFrom(uint32_t virt);
MachineCode StoreTo(uint32_t virt);

// Whether `trap` is this page fault.
bool IsPageFault(const Trap& trap, uint32_t cr2, uint32_t error_code);
// Whether `trap` is #GP(0), or another exception with an error code.
bool IsException(const Trap& trap, uint8_t vector, uint32_t error_code = 0);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_TEST_MACHINE_H_
