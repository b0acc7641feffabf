#include "hostsim/softcpu/differential/code_builder.h"

#include <utility>

#include "hostsim/softcpu/differential/cpu_state.h"
#include "hostsim/softcpu/differential/instruction_forms.h"

namespace lguest::hostsim {

void CodeBuilder::WantFlags(uint32_t flags) {
  if ((undefined_flags_ & flags) == 0) return;
  Begin();
  Bytes({0x81, static_cast<uint8_t>(0xf8 | random_.Below(8))});  // cmp $value,%reg
  Word(random_.Value());
  ChangeFlags(kStatusFlags, 0);
}

void CodeBuilder::SetRegister(uint8_t reg, uint32_t value) {
  Begin();
  Byte(0xb8 | reg);
  Word(value);
}

uint32_t CodeBuilder::Address(bool aligned) {
  constexpr uint32_t kAlign = 16;
  uint32_t address = 0;
  switch (random_.Below(16)) {
    case 0:  // around page boundaries
    case 1:
      address = kDataAddress + random_.Below(kDataPages + 1) * kPage - random_.Below(9);
      break;
    case 2:
      address = kDataAddress + kWritableDataPages * kPage + random_.Below(kPage);
      break;
    case 3:
      address = kCodeAddress + random_.Below(kCodePages * kPage);
      break;
    case 4:
    case 5:
      address = kStackAddress + random_.Below(kStackPages * kPage);
      break;
    default:
      address = kDataAddress + random_.Below(kWritableDataPages * kPage - 64);
  }
  // The code lies at the same address on all CPUs, so it may also read its own bytes.
  return aligned ? address & ~(kAlign - 1) : address;
}

CodeBuilder::Memory CodeBuilder::PrepareMemory(bool aligned) {
  constexpr uint8_t kDisplacement32 = 0x80;
  constexpr uint8_t kDisplacement8 = 0x40;
  constexpr uint8_t kScaledIndex = 4;
  constexpr uint8_t kNoBase = 5;
  const auto push_word = [](std::vector<uint8_t>& bytes, uint32_t word, int count) {
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(word >> (8 * i)));
  };
  Memory memory;
  const uint32_t address = Address(aligned);
  const auto reg = static_cast<uint8_t>(random_.Below(8));
  const uint32_t kind = random_.Below(40);
  if (kind == 0) {  // any address
    memory.bytes = {reg == kNumberOfEsp || reg == kNumberOfEbp ? kNumberOfEax : reg};
  } else if (kind == 1) {  // a 16-bit address
    memory.short_addresses = true;
    memory.bytes = {static_cast<uint8_t>(kDisplacement8 | reg)};
    push_word(memory.bytes, random_.Byte(), 1);
  } else if (kind < 16 || reg == kNumberOfEsp) {  // address
    memory.bytes = {kNoBase};
    push_word(memory.bytes, address, 4);
  } else if (kind < 28) {  // displacement(%reg)
    const bool is_short = random_.OneIn(2);
    const uint32_t displacement =
        is_short ? static_cast<uint32_t>(static_cast<int8_t>(random_.Byte())) : random_.Word();
    SetRegister(reg, address - displacement);
    memory.bytes = {static_cast<uint8_t>((is_short ? kDisplacement8 : kDisplacement32) | reg)};
    push_word(memory.bytes, displacement, is_short ? 1 : 4);
  } else {  // displacement(%base,%index,scale)
    const auto index = static_cast<uint8_t>(random_.Below(8));
    const uint32_t scale = random_.Below(4);
    uint32_t displacement = random_.Below(64);
    const bool has_index = index != kNumberOfEsp && index != reg;
    const uint32_t steps = random_.Below(64);
    if (has_index) SetRegister(index, steps);
    SetRegister(reg, address - displacement - (has_index ? steps << scale : 0));
    memory.bytes = {
        static_cast<uint8_t>(kDisplacement8 | kScaledIndex),
        static_cast<uint8_t>(scale << 6 | (has_index ? index : kNumberOfEsp) << 3 | reg),
        static_cast<uint8_t>(displacement)};
  }
  return memory;
}

void CodeBuilder::ModRm(uint32_t reg_field, const Memory& memory) {
  Byte(memory.bytes[0] | reg_field << 3);
  code_.bytes.insert(code_.bytes.end(), memory.bytes.begin() + 1, memory.bytes.end());
}

void CodeBuilder::Displacement(int bytes, uint32_t after) {
  jumps_.push_back({Offset(), bytes, after, undefined_flags_});
  for (int i = 0; i < bytes; ++i) Byte(0);
}

void CodeBuilder::Land(const Jump& jump) {
  const uint32_t displacement = Offset() - jump.at - static_cast<uint32_t>(jump.bytes);
  for (int i = 0; i < jump.bytes; ++i) {
    code_.bytes[jump.at + static_cast<uint32_t>(i)] = static_cast<uint8_t>(displacement >> (8 * i));
  }
  undefined_flags_ |= jump.undefined_flags;
}

void CodeBuilder::PassTarget() {
  std::vector<Jump> further;
  for (Jump& jump : jumps_) {
    if (jump.after == 0) {
      Land(jump);
    } else {
      --jump.after;
      further.push_back(jump);
    }
  }
  jumps_ = std::move(further);
}

RandomCode CodeBuilder::Finish() {
  for (const Jump& jump : jumps_) Land(jump);
  jumps_.clear();
  Begin();
  Bytes({0x0f, 0x0b});  // ud2
  return std::move(code_);
}

}  // namespace lguest::hostsim
