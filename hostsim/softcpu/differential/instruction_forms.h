// The integer instructions that random code is made of, and what they do to the flags.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_INSTRUCTION_FORMS_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_INSTRUCTION_FORMS_H_

#include <cstdint>
#include <span>

namespace lguest::hostsim {

// EFLAGS.
inline constexpr uint32_t kCarry = 0x001;
inline constexpr uint32_t kParity = 0x004;
inline constexpr uint32_t kAdjust = 0x010;
inline constexpr uint32_t kZero = 0x040;
inline constexpr uint32_t kSign = 0x080;
inline constexpr uint32_t kOverflow = 0x800;
inline constexpr uint32_t kStatusFlags = kCarry | kParity | kAdjust | kZero | kSign | kOverflow;

// Opcodes that begin with 0f are given as 0x100 and more.
struct InstructionForm {
  enum class Operands : uint8_t {
    kNone,
    kModRm,   // of which `rm` says more; the reg field is a register
    kGroup,   // the reg field is `extension`
    kOffset,  // a 32-bit address
  };
  enum class Rm : uint8_t { kAny, kMemory, kRegister };
  enum class Immediate : uint8_t { kNone, kByte, kFull /* as wide as the operand */ };

  uint16_t first;  // opcode; all up to `last` are alike
  uint16_t last;
  Operands operands = Operands::kNone;
  uint8_t extension = 0;
  Rm rm = Rm::kAny;
  Immediate immediate = Immediate::kNone;
  bool sized = false;     // may have an operand size prefix
  bool lockable = false;  // with memory for its first operand

  // Flags that it depends on, that it leaves in a state which the architecture defines, and that it
  // leaves in any state at all. It does nothing to the others.
  uint32_t reads = 0;
  uint32_t defines = 0;
  uint32_t undefines = 0;
};

std::span<const InstructionForm> InstructionForms();

// The flags that condition `code` (the low four bits of jcc, setcc, cmovcc) looks at.
uint32_t FlagsOfCondition(uint8_t code);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_INSTRUCTION_FORMS_H_
