// Random i386 code, put together instruction by instruction.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_CODE_BUILDER_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_CODE_BUILDER_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "hostsim/softcpu/differential/random.h"

namespace lguest::hostsim {

// User code that ends with an exception, at the latest in the ud2 behind it.
struct RandomCode {
  // Where an instruction begins, and which of the status flags no architecture defines there.
  struct Start {
    uint32_t offset;
    uint32_t undefined_flags;
  };

  uint32_t address = 0;
  std::vector<uint8_t> bytes;
  std::vector<Start> starts;  // in order of their offsets; the ud2 has one, too
  bool uses_fpu = false;
};

// Registers, as instructions number them.
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

  // To be called before each instruction's first byte.
  void Begin() { code_.starts.push_back({Offset(), undefined_flags_}); }
  // The same for one that may be left half done, with any flags.
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

  // What the instruction that is being written does to the flags.
  void ChangeFlags(uint32_t defines, uint32_t undefines) {
    undefined_flags_ = (undefined_flags_ & ~defines) | undefines;
  }
  // Makes sure that these flags can be looked at, by a comparison if need be. Before Begin().
  void WantFlags(uint32_t flags);

  // Instructions that prepare another: mov $value,%reg.
  void SetRegister(uint8_t reg, uint32_t value);

  // An address where there is memory most of the time, or the edge of it; `aligned` to 16 bytes.
  uint32_t Address(bool aligned = false);

  // How the instruction that comes next finds its memory operand: decided first, since it may take
  // an instruction to prepare it, and written later.
  struct Memory {
    bool short_addresses = false;  // takes an address size prefix
    std::vector<uint8_t> bytes;    // mod/rm byte (its reg field 0) and what belongs to it
  };
  Memory PrepareMemory(bool aligned = false);

  // Mod/rm byte for a register, or for memory, with that reg field.
  void ModRm(uint32_t reg_field, uint8_t reg) { Byte(0xc0 | reg_field << 3 | reg); }
  void ModRm(uint32_t reg_field, const Memory& memory);

  // A jump's displacement of `bytes` bytes, to where the code is `after` instructions further on.
  void Displacement(int bytes, uint32_t after);
  // At each place where a jump may arrive.
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
