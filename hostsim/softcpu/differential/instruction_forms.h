// The integer instructions in random code, and their effects on the flags.

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

// An opcode after 0f is 0x100 plus its second byte.
struct InstructionForm {
  enum class Operands : uint8_t {
    kNone,
    kModRm,   // `rm` restricts it; the reg field is a register
    kGroup,   // the reg field is `extension`
    kOffset,  // a 32-bit address
  };
  enum class Rm : uint8_t { kAny, kMemory, kRegister };
  enum class Immediate : uint8_t { kNone, kByte, kFull /* as wide as the operand */ };

  uint16_t first;  // opcode; all opcodes up to `last` have this form
  uint16_t last;
  Operands operands = Operands::kNone;
  uint8_t extension = 0;
  Rm rm = Rm::kAny;
  Immediate immediate = Immediate::kNone;
  bool sized = false;     // may have an operand size prefix
  bool lockable = false;  // if its first operand is memory

  // The flags that it reads, the flags that it sets as the architecture defines, and the flags that
  // it leaves undefined. It does not change the other flags.
  uint32_t reads = 0;
  uint32_t defines = 0;
  uint32_t undefines = 0;
};

std::span<const InstructionForm> InstructionForms();

// The flags that condition `code` (the low four bits of jcc, setcc, cmovcc) reads.
uint32_t FlagsOfCondition(uint8_t code);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_INSTRUCTION_FORMS_H_
