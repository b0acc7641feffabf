// Builds random i386 code, one instruction at a time.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_CODE_BUILDER_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_CODE_BUILDER_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "hostsim/softcpu/differential/random.h"

namespace lguest::hostsim {

// User code that ends with an exception, at the latest at the ud2 after it.
struct RandomCode {
  // The start of an instruction, and the status flags that are undefined there.
  struct Start {
    uint32_t offset;
    uint32_t undefined_flags;
  };

  uint32_t address = 0;
  std::vector<uint8_t> bytes;
  std::vector<Start> starts;  // in order of their offsets, including the ud2
  bool uses_fpu = false;
};

// Registers, with the numbers of the instruction encoding.
inline constexpr uint8_t kNumberOfEax = 0;
inline constexpr uint8_t kNumberOfEcx = 1;
inline constexpr uint8_t kNumberOfEbx = 3;
inline constexpr uint8_t kNumberOfEsp = 4;
inline constexpr uint8_t kNumberOfEbp = 5;
inline constexpr uint8_t kNumberOfEsi = 6;
inline constexpr uint8_t kNumberOfEdi = 7;

class CodeBuilder {
 public:
  CodeBuilder(Random& random, uint32_t address) : random_(random) { code_.address = address; }

  uint32_t here() const { return code_.address + static_cast<uint32_t>(code_.bytes.size()); }

  // Call before the first byte of each instruction.
  void Begin() { code_.starts.push_back({Offset(), undefined_flags_}); }
  // Call before an instruction that may fault midway. All flags are undefined then.
  void BeginRepeated() { code_.starts.push_back({Offset(), ~0u}); }

  void Byte(uint32_t byte) { code_.bytes.push_back(static_cast<uint8_t>(byte)); }
  void Bytes(std::initializer_list<uint8_t> bytes) { code_.bytes.insert(code_.bytes.end(), bytes); }
  void Word(uint32_t word, int bytes = 4) {
    for (int i = 0; i < bytes; ++i) Byte(word >> (8 * i));
  }
  void Opcode(uint32_t opcode) {
    if (opcode >= 0x100) Byte(0x0f);
    Byte(opcode);
  }

  // Sets what the current instruction does to the flags.
  void ChangeFlags(uint32_t defines, uint32_t undefines) {
    undefined_flags_ = (undefined_flags_ & ~defines) | undefines;
  }
  // Makes these flags defined, if necessary with a comparison. Call before Begin().
  void WantFlags(uint32_t flags);

  // Emits an instruction that prepares another one: mov $value,%reg.
  void SetRegister(uint8_t reg, uint32_t value);

  // Returns an address in or near memory in most cases; `aligned` to 16 bytes if set.
  uint32_t Address(bool aligned = false);

  // The memory operand of the next instruction. Choose it first, because it may need a preparing
  // instruction. Write it later.
  struct Memory {
    bool short_addresses = false;  // needs an address size prefix
    std::vector<uint8_t> bytes;    // mod/rm byte with reg field 0, SIB byte, displacement
  };
  Memory PrepareMemory(bool aligned = false);

  // Writes a mod/rm byte for a register or for memory, with this reg field.
  void ModRm(uint32_t reg_field, uint8_t reg) { Byte(0xc0 | reg_field << 3 | reg); }
  void ModRm(uint32_t reg_field, const Memory& memory);

  // Writes a jump displacement of `bytes` bytes to the place `after` instructions later.
  void Displacement(int bytes, uint32_t after);
  // Call at each possible jump target.
  void PassTarget();

  RandomCode Finish();
  RandomCode& code() { return code_; }

 private:
  struct Jump {
    uint32_t at;  // offset of the displacement
    int bytes;
    uint32_t after;
    uint32_t undefined_flags;
  };

  uint32_t Offset() const { return static_cast<uint32_t>(code_.bytes.size()); }
  void Land(const Jump& jump);

  Random& random_;
  RandomCode code_;
  uint32_t undefined_flags_ = 0;
  std::vector<Jump> jumps_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_CODE_BUILDER_H_
