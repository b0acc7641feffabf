// Decodes an instruction where Unicorn's decoder is not enough: which instructions Unicorn must not
// see, and which ones read their memory operand in order to write it.

#ifndef HOSTSIM_SOFTCPU_INSTRUCTION_FILTER_H_
#define HOSTSIM_SOFTCPU_INSTRUCTION_FILTER_H_

#include <cstdint>

namespace lguest::hostsim {

// True if Unicorn must not see this instruction.
//
// Unicorn aborts the process while it translates one of these invalid instructions:
//   - far calls and jumps through a register (ff /3 and ff /5 with mod 3),
//   - instructions with a lock prefix that does not apply to them.
// Two valid instructions are emulated in conditional_loop.h: loope and loopne. Unicorn computes
// wrong flags for them when the count reaches 0.
//
// `peek(n)` returns byte n of the instruction, from 0 on. It may fault, so it is called only for
// bytes that a processor reads to decode the instruction, too.
template <typename Peek>
bool IsHiddenFromUnicorn(Peek peek);

// True if the instruction reads its memory operand in order to write it. A processor checks for
// write access at the read, so a page fault has the W bit in its error code. Unicorn checks for
// read access only.
template <typename Peek>
bool IsReadModifyWrite(Peek peek);

// The library gets this byte in place of the first byte of a hidden instruction. It raises #UD for
// this opcode.
inline constexpr uint8_t kInvalidOpcodeByte = 0xf1;

namespace internal {

constexpr bool IsPrefix(uint8_t byte) {
  switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
      return true;
    default:
      return false;
  }
}

// True if a lock prefix is valid for `opcode` with a memory destination. `modrm()` returns the byte
// after the opcode; each opcode that needs it has one. Two-byte opcodes 0f xx are passed as 0x1xx.
template <typename ModRm>
bool IsLockable(uint32_t opcode, ModRm modrm) {
  const auto reg = [&] { return modrm() >> 3 & 7; };
  switch (opcode) {
    case 0x80:  // all but cmp
    case 0x81:
    case 0x82:
    case 0x83:
      return reg() != 7;
    case 0x86:  // xchg
    case 0x87:
      return true;
    case 0xf6:  // not, neg
    case 0xf7:
      return reg() == 2 || reg() == 3;
    case 0xfe:  // inc, dec
    case 0xff:
      return reg() <= 1;
    case 0x1ab:  // bts, btr, btc
    case 0x1b3:
    case 0x1bb:
    case 0x1b0:  // cmpxchg
    case 0x1b1:
    case 0x1c0:  // xadd
    case 0x1c1:
      return true;
    case 0x1ba:  // bts, btr, btc
      return reg() >= 5;
    case 0x1c7:  // cmpxchg8b
      return reg() == 1;
    default:  // add, or, adc, sbb, and, sub, xor from a register
      return opcode < 0x38 && (opcode & 7) <= 1;
  }
}

// True if `opcode` reads and writes its memory operand: the lockable instructions and those that
// cannot be locked. The arguments are those of IsLockable().
template <typename ModRm>
bool ChangesMemory(uint32_t opcode, ModRm modrm) {
  switch (opcode) {
    case 0xc0:  // shifts and rotations
    case 0xc1:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0x1a4:  // shld, shrd
    case 0x1a5:
    case 0x1ac:
    case 0x1ad:
      return true;
    default:
      return IsLockable(opcode, modrm);
  }
}

// Returns the offset of the opcode behind all prefixes, and sets `locked` if there is a lock
// prefix. Returns -1 if there are too many prefixes: Unicorn detects this itself.
template <typename Peek>
int FindOpcode(Peek peek, bool& locked) {
  constexpr int kMaxLength = 15;
  constexpr uint8_t kLock = 0xf0;
  int at = 0;
  while (IsPrefix(peek(at))) {
    locked |= peek(at) == kLock;
    if (++at == kMaxLength) return -1;
  }
  return at;
}

inline constexpr uint8_t kTwoBytes = 0x0f;

}  // namespace internal

template <typename Peek>
bool IsHiddenFromUnicorn(Peek peek) {
  constexpr uint8_t kGroup5 = 0xff;
  constexpr uint8_t kLoopne = 0xe0;
  constexpr uint8_t kLoope = 0xe1;

  bool locked = false;
  int at = internal::FindOpcode(peek, locked);
  if (at < 0) return false;
  uint32_t opcode = peek(at++);
  if (opcode == kLoopne || opcode == kLoope) {
    peek(at);  // faults if the displacement byte is on a page that is not mapped
    return true;
  }
  if (!locked && opcode != kGroup5) return false;
  if (opcode == internal::kTwoBytes) opcode = 0x100u | peek(at++);
  const auto modrm = [&] { return peek(at); };
  const auto is_register = [&] { return modrm() >= 0xc0; };
  if (locked) return !internal::IsLockable(opcode, modrm) || is_register();
  const int reg = modrm() >> 3 & 7;
  return is_register() && (reg == 3 || reg == 5);
}

template <typename Peek>
bool IsReadModifyWrite(Peek peek) {
  bool locked = false;
  int at = internal::FindOpcode(peek, locked);
  if (at < 0) return false;
  uint32_t opcode = peek(at++);
  if (opcode == internal::kTwoBytes) opcode = 0x100u | peek(at++);
  return internal::ChangesMemory(opcode, [&] { return peek(at); });
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_INSTRUCTION_FILTER_H_
