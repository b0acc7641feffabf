#include "hostsim/port_io.h"

#include "hostsim/guest_death.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {
namespace {

constexpr uint8_t kOperandSizePrefix = 0x66;

// Opcodes with bit 0 cleared. Bit 0 is the operand size: 0 is a byte, 1 is a word.
constexpr uint8_t kInImmediate = 0xe4;
constexpr uint8_t kInDx = 0xec;
constexpr uint8_t kOutImmediate = 0xe6;
constexpr uint8_t kOutDx = 0xee;

// A PC restarts when this command is written to this port.
constexpr uint32_t kKeyboardController = 0x64;
constexpr uint32_t kReset = 0xfe;

}  // namespace

absl::StatusOr<bool> EmulatePortInstruction(GuestState& guest) {
  const uint32_t start = guest.cpu.Get(Register::kEip);
  if (start < guest.page_offset) return false;

  uint32_t eip = start;
  const auto fetch = [&] { return guest.memory.Read<uint8_t>(guest.KernelPhys(eip++)); };
  absl::StatusOr<uint8_t> opcode = fetch();
  const bool prefixed = opcode.ok() && *opcode == kOperandSizePrefix;
  if (prefixed) opcode = fetch();
  if (!opcode.ok()) return GuestDeath("%s", opcode.status().message());

  const auto kind = static_cast<uint8_t>(*opcode & 0xfe);
  const bool is_in = kind == kInImmediate || kind == kInDx;
  if (!is_in && kind != kOutImmediate && kind != kOutDx) return false;
  uint32_t port = guest.cpu.Get(Register::kEdx) & 0xffff;
  if (kind == kInImmediate || kind == kOutImmediate) {
    const absl::StatusOr<uint8_t> immediate = fetch();
    if (!immediate.ok()) return GuestDeath("%s", immediate.status().message());
    port = *immediate;
  }
  const bool is_byte = (*opcode & 1) == 0;
  const uint32_t value = guest.cpu.Get(Register::kEax) & 0xff;
  if (!is_in && is_byte && port == kKeyboardController && value == kReset &&
      guest.quirks == Quirks::kNone) {
    return GuestDeath("%s", kRestartReason);
  }
  if (is_in) {
    const uint32_t ones = !is_byte ? 0xffffffff : prefixed ? 0xffff0000 : 0xffff;
    guest.cpu.Set(Register::kEax, guest.cpu.Get(Register::kEax) | ones);
  }
  guest.cpu.Set(Register::kEip, eip);
  return true;
}

}  // namespace lguest::hostsim
