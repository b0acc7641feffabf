#include "hostsim/softcpu/differential/instruction_forms.h"

namespace lguest::hostsim {
namespace {

using Form = InstructionForm;
using enum InstructionForm::Operands;

constexpr auto kMemory = Form::Rm::kMemory;
constexpr auto kRegister = Form::Rm::kRegister;
constexpr auto kByte = Form::Immediate::kByte;
constexpr auto kFull = Form::Immediate::kFull;

constexpr uint32_t kAll = kStatusFlags;
constexpr uint32_t kNotAdjust = kAll & ~kAdjust;
constexpr uint32_t kNotCarry = kAll & ~kCarry;
constexpr uint32_t kNotCarryOverflow = kAll & ~(kCarry | kOverflow);

// Arithmetic and logic instructions: eight operations with the same encodings: add, or, adc, sbb,
// and, sub, xor, cmp.
constexpr Form WithFlagsOf(int operation, Form form) {
  const bool is_logic = operation == 1 || operation == 4 || operation == 6;
  form.reads = operation == 2 || operation == 3 ? kCarry : 0;
  form.defines = is_logic ? kNotAdjust : kAll;
  form.undefines = is_logic ? kAdjust : 0;
  form.lockable = form.lockable && operation != 7;
  return form;
}

constexpr uint16_t Of(int operation, int low) { return static_cast<uint16_t>(operation * 8 + low); }

#define LGUEST_ARITHMETIC(op)                                                                      \
  WithFlagsOf(op, {.first = Of(op, 0), .last = Of(op, 0), .operands = kModRm, .lockable = true}),  \
      WithFlagsOf(op, {.first = Of(op, 1),                                                         \
                       .last = Of(op, 1),                                                          \
                       .operands = kModRm,                                                         \
                       .sized = true,                                                              \
                       .lockable = true}),                                                         \
      WithFlagsOf(op, {.first = Of(op, 2), .last = Of(op, 2), .operands = kModRm}),                \
      WithFlagsOf(op, {.first = Of(op, 3), .last = Of(op, 3), .operands = kModRm, .sized = true}), \
      WithFlagsOf(op, {.first = Of(op, 4), .last = Of(op, 4), .immediate = kByte}),                \
      WithFlagsOf(op, {.first = Of(op, 5), .last = Of(op, 5), .immediate = kFull, .sized = true}), \
      WithFlagsOf(op, {.first = 0x80,                                                              \
                       .last = 0x80,                                                               \
                       .operands = kGroup,                                                         \
                       .extension = (op),                                                          \
                       .immediate = kByte,                                                         \
                       .lockable = true}),                                                         \
      WithFlagsOf(op, {.first = 0x81,                                                              \
                       .last = 0x81,                                                               \
                       .operands = kGroup,                                                         \
                       .extension = (op),                                                          \
                       .immediate = kFull,                                                         \
                       .sized = true,                                                              \
                       .lockable = true}),                                                         \
      WithFlagsOf(op, {.first = 0x83,                                                              \
                       .last = 0x83,                                                               \
                       .operands = kGroup,                                                         \
                       .extension = (op),                                                          \
                       .immediate = kByte,                                                         \
                       .sized = true,                                                              \
                       .lockable = true})

// clang-format off
constexpr Form kForms[] = {
    LGUEST_ARITHMETIC(0), LGUEST_ARITHMETIC(1), LGUEST_ARITHMETIC(2), LGUEST_ARITHMETIC(3),
    LGUEST_ARITHMETIC(4), LGUEST_ARITHMETIC(5), LGUEST_ARITHMETIC(6), LGUEST_ARITHMETIC(7),
    // test
    {.first = 0x84, .last = 0x84, .operands = kModRm, .defines = kNotAdjust, .undefines = kAdjust},
    {.first = 0x85, .last = 0x85, .operands = kModRm, .sized = true, .defines = kNotAdjust, .undefines = kAdjust},
    {.first = 0xa8, .last = 0xa8, .immediate = kByte, .defines = kNotAdjust, .undefines = kAdjust},
    {.first = 0xa9, .last = 0xa9, .immediate = kFull, .sized = true, .defines = kNotAdjust, .undefines = kAdjust},
    {.first = 0xf6, .last = 0xf6, .operands = kGroup, .extension = 0, .immediate = kByte, .defines = kNotAdjust, .undefines = kAdjust},
    {.first = 0xf7, .last = 0xf7, .operands = kGroup, .extension = 0, .immediate = kFull, .sized = true, .defines = kNotAdjust, .undefines = kAdjust},
    // xchg, mov, lea
    {.first = 0x86, .last = 0x86, .operands = kModRm, .lockable = true},
    {.first = 0x87, .last = 0x87, .operands = kModRm, .sized = true, .lockable = true},
    {.first = 0x90, .last = 0x97, .sized = true},
    {.first = 0x88, .last = 0x88, .operands = kModRm},
    {.first = 0x89, .last = 0x89, .operands = kModRm, .sized = true},
    {.first = 0x8a, .last = 0x8a, .operands = kModRm},
    {.first = 0x8b, .last = 0x8b, .operands = kModRm, .sized = true},
    {.first = 0x8d, .last = 0x8d, .operands = kModRm, .rm = kMemory, .sized = true},
    {.first = 0xa0, .last = 0xa0, .operands = kOffset},
    {.first = 0xa1, .last = 0xa1, .operands = kOffset, .sized = true},
    {.first = 0xa2, .last = 0xa2, .operands = kOffset},
    {.first = 0xa3, .last = 0xa3, .operands = kOffset, .sized = true},
    {.first = 0xb0, .last = 0xb7, .immediate = kByte},
    {.first = 0xb8, .last = 0xbf, .immediate = kFull, .sized = true},
    {.first = 0xc6, .last = 0xc6, .operands = kGroup, .extension = 0, .immediate = kByte},
    {.first = 0xc7, .last = 0xc7, .operands = kGroup, .extension = 0, .immediate = kFull, .sized = true},
    {.first = 0x1b6, .last = 0x1b7, .operands = kModRm, .sized = true},
    {.first = 0x1be, .last = 0x1bf, .operands = kModRm, .sized = true},
    // inc, dec, not, neg (not locked: SoftCpu sets wrong flags then)
    {.first = 0x40, .last = 0x4f, .sized = true, .defines = kNotCarry},
    {.first = 0xfe, .last = 0xfe, .operands = kGroup, .extension = 0, .lockable = true, .defines = kNotCarry},
    {.first = 0xfe, .last = 0xfe, .operands = kGroup, .extension = 1, .lockable = true, .defines = kNotCarry},
    {.first = 0xff, .last = 0xff, .operands = kGroup, .extension = 0, .sized = true, .lockable = true, .defines = kNotCarry},
    {.first = 0xff, .last = 0xff, .operands = kGroup, .extension = 1, .sized = true, .lockable = true, .defines = kNotCarry},
    {.first = 0xf6, .last = 0xf6, .operands = kGroup, .extension = 2, .lockable = true},
    {.first = 0xf7, .last = 0xf7, .operands = kGroup, .extension = 2, .sized = true, .lockable = true},
    {.first = 0xf6, .last = 0xf6, .operands = kGroup, .extension = 3, .defines = kAll},
    {.first = 0xf7, .last = 0xf7, .operands = kGroup, .extension = 3, .sized = true, .defines = kAll},
    // mul, imul, div, idiv
    {.first = 0xf6, .last = 0xf6, .operands = kGroup, .extension = 4, .defines = kCarry | kOverflow, .undefines = kNotCarryOverflow},
    {.first = 0xf7, .last = 0xf7, .operands = kGroup, .extension = 4, .sized = true, .defines = kCarry | kOverflow, .undefines = kNotCarryOverflow},
    {.first = 0xf6, .last = 0xf6, .operands = kGroup, .extension = 5, .defines = kCarry | kOverflow, .undefines = kNotCarryOverflow},
    {.first = 0xf7, .last = 0xf7, .operands = kGroup, .extension = 5, .sized = true, .defines = kCarry | kOverflow, .undefines = kNotCarryOverflow},
    {.first = 0x1af, .last = 0x1af, .operands = kModRm, .sized = true, .defines = kCarry | kOverflow, .undefines = kNotCarryOverflow},
    {.first = 0x69, .last = 0x69, .operands = kModRm, .immediate = kFull, .sized = true, .defines = kCarry | kOverflow, .undefines = kNotCarryOverflow},
    {.first = 0x6b, .last = 0x6b, .operands = kModRm, .immediate = kByte, .sized = true, .defines = kCarry | kOverflow, .undefines = kNotCarryOverflow},
    {.first = 0xf6, .last = 0xf6, .operands = kGroup, .extension = 6, .undefines = kAll},
    {.first = 0xf7, .last = 0xf7, .operands = kGroup, .extension = 6, .sized = true, .undefines = kAll},
    {.first = 0xf6, .last = 0xf6, .operands = kGroup, .extension = 7, .undefines = kAll},
    {.first = 0xf7, .last = 0xf7, .operands = kGroup, .extension = 7, .sized = true, .undefines = kAll},
    // bit tests: by register, by number
    {.first = 0x1a3, .last = 0x1a3, .operands = kModRm, .sized = true, .defines = kCarry, .undefines = kNotCarry & ~kZero},
    {.first = 0x1ab, .last = 0x1ab, .operands = kModRm, .sized = true, .lockable = true, .defines = kCarry, .undefines = kNotCarry & ~kZero},
    {.first = 0x1b3, .last = 0x1b3, .operands = kModRm, .sized = true, .lockable = true, .defines = kCarry, .undefines = kNotCarry & ~kZero},
    {.first = 0x1bb, .last = 0x1bb, .operands = kModRm, .sized = true, .lockable = true, .defines = kCarry, .undefines = kNotCarry & ~kZero},
    {.first = 0x1ba, .last = 0x1ba, .operands = kGroup, .extension = 4, .immediate = kByte, .sized = true, .defines = kCarry, .undefines = kNotCarry & ~kZero},
    {.first = 0x1ba, .last = 0x1ba, .operands = kGroup, .extension = 5, .immediate = kByte, .sized = true, .lockable = true, .defines = kCarry, .undefines = kNotCarry & ~kZero},
    {.first = 0x1ba, .last = 0x1ba, .operands = kGroup, .extension = 6, .immediate = kByte, .sized = true, .lockable = true, .defines = kCarry, .undefines = kNotCarry & ~kZero},
    {.first = 0x1ba, .last = 0x1ba, .operands = kGroup, .extension = 7, .immediate = kByte, .sized = true, .lockable = true, .defines = kCarry, .undefines = kNotCarry & ~kZero},
    // cmpxchg, xadd, cmpxchg8b (SoftCpu sets only the zero flag correctly), bswap
    {.first = 0x1b0, .last = 0x1b0, .operands = kModRm, .lockable = true, .defines = kAll},
    {.first = 0x1b1, .last = 0x1b1, .operands = kModRm, .sized = true, .lockable = true, .defines = kAll},
    {.first = 0x1c0, .last = 0x1c0, .operands = kModRm, .lockable = true, .defines = kAll},
    {.first = 0x1c1, .last = 0x1c1, .operands = kModRm, .sized = true, .lockable = true, .defines = kAll},
    {.first = 0x1c7, .last = 0x1c7, .operands = kGroup, .extension = 1, .rm = kMemory, .lockable = true, .defines = kZero, .undefines = kAll & ~kZero},
    {.first = 0x1c8, .last = 0x1cf},
    // sign extension, flags, decimal
    {.first = 0x98, .last = 0x99, .sized = true},
    {.first = 0x9e, .last = 0x9e, .defines = kAll & ~kOverflow},
    {.first = 0x9f, .last = 0x9f, .reads = kAll & ~kOverflow},
    {.first = 0x9c, .last = 0x9c, .sized = true, .reads = kAll},
    {.first = 0xf5, .last = 0xf5, .reads = kCarry, .defines = kCarry},
    {.first = 0xf8, .last = 0xf9, .defines = kCarry},
    {.first = 0xfc, .last = 0xfd},
    {.first = 0xd6, .last = 0xd6, .reads = kCarry},
    {.first = 0x27, .last = 0x27, .reads = kCarry | kAdjust, .defines = kAll & ~kOverflow, .undefines = kOverflow},
    {.first = 0x2f, .last = 0x2f, .reads = kCarry | kAdjust, .defines = kAll & ~kOverflow, .undefines = kOverflow},
    {.first = 0x37, .last = 0x37, .reads = kAdjust, .defines = kCarry | kAdjust, .undefines = kOverflow | kSign | kZero | kParity},
    {.first = 0x3f, .last = 0x3f, .reads = kAdjust, .defines = kCarry | kAdjust, .undefines = kOverflow | kSign | kZero | kParity},
    {.first = 0xd4, .last = 0xd5, .immediate = kByte, .defines = kSign | kZero | kParity, .undefines = kOverflow | kAdjust | kCarry},
    // push, pop, pusha, popa, leave
    {.first = 0x50, .last = 0x5f, .sized = true},
    {.first = 0x60, .last = 0x61, .sized = true},
    {.first = 0x68, .last = 0x68, .immediate = kFull, .sized = true},
    {.first = 0x6a, .last = 0x6a, .immediate = kByte, .sized = true},
    {.first = 0x8f, .last = 0x8f, .operands = kGroup, .extension = 0, .sized = true},
    {.first = 0xff, .last = 0xff, .operands = kGroup, .extension = 6, .sized = true},
    {.first = 0xc9, .last = 0xc9, .sized = true},
    // bound, into, breakpoint, undefined opcodes
    {.first = 0x62, .last = 0x62, .operands = kModRm, .rm = kMemory, .sized = true},
    {.first = 0xce, .last = 0xce, .reads = kOverflow},
    {.first = 0xcc, .last = 0xcc},
    {.first = 0x1b9, .last = 0x1b9, .operands = kModRm, .rm = kRegister},
};
// clang-format on

#undef LGUEST_ARITHMETIC

}  // namespace

std::span<const InstructionForm> InstructionForms() { return kForms; }

uint32_t FlagsOfCondition(uint8_t code) {
  constexpr uint32_t kFlags[] = {kOverflow,
                                 kCarry,
                                 kZero,
                                 kCarry | kZero,
                                 kSign,
                                 kParity,
                                 kSign | kOverflow,
                                 kZero | kSign | kOverflow};
  return kFlags[(code >> 1) & 7];
}

}  // namespace lguest::hostsim
