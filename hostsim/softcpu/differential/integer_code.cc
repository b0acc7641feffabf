#include "hostsim/softcpu/differential/integer_code.h"

#include <cstdint>
#include <iterator>

#include "hostsim/softcpu/differential/cpu_state.h"
#include "hostsim/softcpu/differential/instruction_forms.h"

namespace lguest::hostsim {
namespace {

constexpr uint8_t kOperandSize = 0x66;
constexpr uint8_t kAddressSize = 0x67;
constexpr uint8_t kLock = 0xf0;

// The middle of the stack.
constexpr uint32_t kStackMiddle = kStackAddress + kStackPages * kPage / 2;

class IntegerCode {
 public:
  IntegerCode(Random& random, uint32_t address) : random_(random), code_(random, address) {}

  RandomCode Make(int count) {
    for (int i = 0; i < count; ++i) {
      code_.PassTarget();
      One();
    }
    return code_.Finish();
  }

 private:
  using Form = InstructionForm;

  uint8_t AnyRegister() { return static_cast<uint8_t>(random_.Below(8)); }

  void One() {
    using Maker = void (IntegerCode::*)();
    constexpr Maker kSpecial[] = {
        &IntegerCode::ShiftByNumber, &IntegerCode::ShiftByCl, &IntegerCode::DoubleShift,
        &IntegerCode::BitScan,       &IntegerCode::String,    &IntegerCode::PopFlags,
        &IntegerCode::Conditional,   &IntegerCode::Jump,      &IntegerCode::JumpByCounter,
        &IntegerCode::Return,        &IntegerCode::Enter,     &IntegerCode::ResetStack,
        &IntegerCode::ShiftByNumber, &IntegerCode::ShiftByCl, &IntegerCode::Conditional,
        &IntegerCode::Conditional,   &IntegerCode::Translate,
    };
    // Picks a table entry in about four fifths of the cases, and another form in one fifth.
    const auto forms = InstructionForms();
    const uint32_t choice = random_.Below(static_cast<uint32_t>(forms.size()) * 5 / 4);
    if (choice < forms.size()) {
      FromForm(forms[choice]);
    } else {
      (this->*random_.Of(kSpecial))();
    }
  }

  void FromForm(const Form& form) {
    code_.WantFlags(form.reads);
    const bool has_rm =
        form.operands == Form::Operands::kModRm || form.operands == Form::Operands::kGroup;
    const bool in_memory = has_rm && form.rm != Form::Rm::kRegister &&
                           (form.rm == Form::Rm::kMemory || random_.OneIn(2));
    CodeBuilder::Memory memory;
    if (in_memory) memory = code_.PrepareMemory();
    const bool is_short = form.sized && random_.OneIn(4);
    code_.Begin();
    if (in_memory && form.lockable && random_.OneIn(4)) code_.Byte(kLock);
    SegmentPrefix();
    if (is_short) code_.Byte(kOperandSize);
    if (memory.short_addresses) code_.Byte(kAddressSize);
    code_.Opcode(form.first + random_.Below(form.last - form.first + 1u));
    if (form.operands == Form::Operands::kOffset) code_.Word(code_.Address());
    if (has_rm) {
      const uint32_t field =
          form.operands == Form::Operands::kGroup ? form.extension : AnyRegister();
      if (in_memory) {
        code_.ModRm(field, memory);
      } else {
        code_.ModRm(field, AnyRegister());
      }
    }
    if (form.immediate == Form::Immediate::kByte) code_.Byte(random_.Value());
    if (form.immediate == Form::Immediate::kFull) code_.Word(random_.Value(), is_short ? 2 : 4);
    code_.ChangeFlags(form.defines, form.undefines);
  }

  // %es, %ss and %ds have the same base and limit.
  void SegmentPrefix() {
    constexpr uint8_t kPrefixes[] = {0x26, 0x36, 0x3e};
    if (random_.OneIn(16)) code_.Byte(random_.Of(kPrefixes));
  }

  // Writes the opcode and the operand (a register or memory) with this reg field.
  void Operation(uint32_t opcode, uint32_t field, bool is_short) {
    const bool in_memory = random_.OneIn(3);
    CodeBuilder::Memory memory;
    if (in_memory) memory = code_.PrepareMemory();
    code_.Begin();
    if (is_short) code_.Byte(kOperandSize);
    if (memory.short_addresses) code_.Byte(kAddressSize);
    code_.Opcode(opcode);
    if (in_memory) {
      code_.ModRm(field, memory);
    } else {
      code_.ModRm(field, AnyRegister());
    }
  }

  // rol, ror, rcl, rcr, shl, shr, shl again, sar.
  void ShiftFlags(uint32_t operation, uint32_t count, uint32_t bits) {
    const bool is_rotation = operation < 4;
    if (count == 0) return;
    const uint32_t overflow = count == 1 ? 0 : kOverflow;
    if (is_rotation) {
      code_.ChangeFlags(kCarry | kOverflow, overflow);
    } else {
      const bool loses_carry = operation != 7 && count >= bits;
      code_.ChangeFlags(kStatusFlags, kAdjust | overflow | (loses_carry ? kCarry : 0));
    }
  }

  void ShiftByNumber() {
    const uint32_t operation = random_.Below(8);
    if (operation == 2 || operation == 3) code_.WantFlags(kCarry);
    const bool is_byte = random_.OneIn(3);
    const bool is_short = !is_byte && random_.OneIn(3);
    const bool by_one = random_.OneIn(3);
    Operation((by_one ? 0xd0u : 0xc0u) + (is_byte ? 0 : 1), operation, is_short);
    const uint32_t count = by_one ? 1 : random_.Value() & 0xff;
    if (!by_one) code_.Byte(count);
    ShiftFlags(operation, count & 0x1f, is_byte ? 8 : is_short ? 16 : 32);
  }

  void ShiftByCl() {
    const uint32_t operation = random_.Below(8);
    code_.WantFlags(kStatusFlags);  // a count of 0 changes no flags
    const bool is_byte = random_.OneIn(3);
    const bool is_short = !is_byte && random_.OneIn(3);
    Operation(is_byte ? 0xd2 : 0xd3, operation, is_short);
    const bool is_rotation = operation < 4;
    const bool loses_carry = (is_byte || is_short) && !is_rotation && operation != 7;
    code_.ChangeFlags(0, kOverflow | (is_rotation ? 0 : kAdjust) | (loses_carry ? kCarry : 0));
  }

  // shld and shrd: of 32 bits by an immediate or by %cl; of 16 bits by an immediate below 16.
  void DoubleShift() {
    code_.WantFlags(kStatusFlags);
    const uint32_t opcode = random_.OneIn(2) ? 0x1a4 : 0x1ac;
    if (random_.OneIn(2)) {
      Operation(opcode + 1, AnyRegister(), /*is_short=*/false);
    } else {
      const bool is_short = random_.OneIn(3);
      Operation(opcode, AnyRegister(), is_short);
      code_.Byte(random_.Below(is_short ? 16 : 256));
    }
    code_.ChangeFlags(0, kOverflow | kAdjust);
  }

  // bsf, bsr. The result is undefined if no bit is set.
  void BitScan() {
    const uint8_t source = AnyRegister();
    code_.Begin();
    code_.Bytes({0x81, static_cast<uint8_t>(0xc8 | source)});  // or $value,%source
    code_.Word(1u << random_.Below(16));
    code_.ChangeFlags(kStatusFlags, kAdjust);
    code_.Begin();
    if (random_.OneIn(3)) code_.Byte(kOperandSize);
    code_.Opcode(random_.OneIn(2) ? 0x1bc : 0x1bd);
    code_.ModRm(AnyRegister(), source);
    code_.ChangeFlags(kZero, kStatusFlags & ~kZero);
  }

  void String() {
    constexpr uint8_t kOpcodes[] = {0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf};
    const uint8_t opcode = random_.Of(kOpcodes);
    const bool compares = opcode == 0xa6 || opcode == 0xa7 || opcode == 0xae || opcode == 0xaf;
    const bool repeats = random_.OneIn(2);
    if (!random_.OneIn(8)) code_.SetRegister(kNumberOfEsi, code_.Address());
    if (!random_.OneIn(8)) code_.SetRegister(kNumberOfEdi, code_.Address());
    if (repeats && !random_.OneIn(16)) code_.SetRegister(kNumberOfEcx, random_.Below(40));
    if (repeats && compares) {
      code_.WantFlags(kStatusFlags);  // a count of 0 changes no flags
      code_.BeginRepeated();
    } else {
      code_.Begin();
    }
    SegmentPrefix();
    if (repeats) code_.Byte(random_.OneIn(2) ? 0xf2 : 0xf3);
    if ((opcode & 1) != 0 && random_.OneIn(3)) code_.Byte(kOperandSize);
    code_.Byte(opcode);
    if (compares) code_.ChangeFlags(kStatusFlags, 0);
  }

  // Pops all flags that user code can change, except TF, NT and AC.
  void PopFlags() {
    constexpr uint32_t kChanged = kStatusFlags | 0x200400;  // ID, DF
    code_.Begin();
    code_.Byte(0x68);  // push $flags
    code_.Word(random_.Word() & kChanged);
    code_.Begin();
    code_.Byte(0x9d);  // popf
    code_.ChangeFlags(kStatusFlags, 0);
  }

  // setcc, cmovcc.
  void Conditional() {
    const auto condition = static_cast<uint8_t>(random_.Below(16));
    code_.WantFlags(FlagsOfCondition(condition));
    if (random_.OneIn(2)) {
      Operation(0x190u + condition, 0, false);
    } else {
      Operation(0x140u + condition, AnyRegister(), random_.OneIn(3));
    }
  }

  // jcc, jmp, call.
  void Jump() {
    const auto condition = static_cast<uint8_t>(random_.Below(16));
    const uint32_t after = random_.Below(3);
    switch (random_.Below(5)) {
      case 0:
        code_.WantFlags(FlagsOfCondition(condition));
        code_.Begin();
        code_.Byte(0x70u + condition);
        return code_.Displacement(1, after);
      case 1:
        code_.WantFlags(FlagsOfCondition(condition));
        code_.Begin();
        code_.Opcode(0x180u + condition);
        return code_.Displacement(4, after);
      case 2:
        code_.Begin();
        code_.Byte(0xeb);
        return code_.Displacement(1, after);
      case 3:
        code_.Begin();
        code_.Byte(0xe9);
        return code_.Displacement(4, after);
      default:
        code_.Begin();
        code_.Byte(0xe8);
        return code_.Displacement(4, after);
    }
  }

  // loopne, loope, loop, jecxz.
  void JumpByCounter() {
    if (random_.OneIn(2)) code_.SetRegister(kNumberOfEcx, random_.Below(3));
    const uint32_t which = random_.Below(4);
    if (which < 2) code_.WantFlags(kZero);
    code_.Begin();
    if (random_.OneIn(8)) code_.Byte(kAddressSize);
    code_.Byte(0xe0 + which);
    code_.Displacement(1, random_.Below(3));
  }

  // Jumps to the next instruction: ret, or a jump or call through a register.
  void Return() {
    constexpr uint32_t kSetLength = 5;  // of mov $value,%reg and push $value
    if (random_.OneIn(2)) {
      const auto reg = static_cast<uint8_t>(random_.OneIn(8) ? kNumberOfEsp : AnyRegister());
      code_.SetRegister(reg, code_.here() + kSetLength + 2);
      code_.Begin();
      code_.Byte(0xff);
      code_.ModRm(random_.OneIn(2) ? 2 : 4, reg);
      return;
    }
    const bool pops = random_.OneIn(2);
    code_.Begin();
    code_.Byte(0x68);
    code_.Word(code_.here() + kSetLength - 1 + (pops ? 3 : 1));
    code_.Begin();
    code_.Byte(pops ? 0xc2 : 0xc3);
    if (pops) code_.Word(random_.Below(64), 2);
  }

  // enter with its whole frame on the stack, because SoftCpu checks only the part of the frame that
  // it writes.
  void Enter() {
    ResetStack();
    if (random_.OneIn(2)) code_.SetRegister(kNumberOfEbp, code_.Address());
    code_.Begin();
    code_.Byte(0xc8);
    code_.Word(random_.Below(256), 2);
    code_.Byte(random_.OneIn(2) ? 0 : random_.Below(40));
  }

  void ResetStack() { code_.SetRegister(kNumberOfEsp, kStackMiddle + random_.Below(64)); }

  // xlat
  void Translate() {
    code_.SetRegister(kNumberOfEbx, code_.Address());
    code_.Begin();
    SegmentPrefix();
    code_.Byte(0xd7);
  }

  Random& random_;
  CodeBuilder code_;
};

}  // namespace

RandomCode RandomIntegerCode(Random& random, uint32_t address, int count) {
  return IntegerCode(random, address).Make(count);
}

}  // namespace lguest::hostsim
