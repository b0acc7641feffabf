#include "hostsim/kernel_instructions.h"

#include <utility>

#include "hostsim/guest_death.h"
#include "hostsim/i386/constants.h"
#include "hostsim/kernel_code.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {
namespace {

constexpr uint8_t kOperandSizePrefix = 0x66;
constexpr uint8_t kCli = 0xfa;
constexpr uint8_t kTwoBytes = 0x0f;
constexpr uint8_t kFromControl = 0x20;
constexpr uint8_t kToControl = 0x22;

// Opcodes with bit 0 cleared. Bit 0 is the operand size: 0 is a byte, 1 is a word.
constexpr uint8_t kInImmediate = 0xe4;
constexpr uint8_t kInDx = 0xec;
constexpr uint8_t kOutImmediate = 0xe6;
constexpr uint8_t kOutDx = 0xee;
constexpr uint8_t kMovToMemory = 0x88;
constexpr uint8_t kMovFromMemory = 0x8a;
constexpr uint8_t kMovEaxFromAddress = 0xa0;
constexpr uint8_t kMovEaxToAddress = 0xa2;

// A PC restarts when this command is written to this port.
constexpr uint16_t kKeyboardController = 0x64;
constexpr uint32_t kReset = 0xfe;

constexpr uint32_t MaskOf(uint32_t size) { return size == 4 ? ~0u : (1u << (8 * size)) - 1; }

// A register operand of 1, 2 or 4 bytes.
class RegisterOperand {
 public:
  // `number`: as in an instruction. Of the 8 registers of one byte, 4 to 7 are %ah to %bh.
  RegisterOperand(Vcpu& cpu, uint32_t number, uint32_t size)
      : cpu_(cpu),
        reg_(static_cast<Register>(size == 1 ? number & 3 : number)),
        shift_(size == 1 && number >= 4 ? 8 : 0),
        mask_(MaskOf(size)) {}

  uint32_t Get() const { return (cpu_.Get(reg_) >> shift_) & mask_; }
  void Set(uint32_t value) {
    cpu_.Set(reg_, (cpu_.Get(reg_) & ~(mask_ << shift_)) | (value & mask_) << shift_);
  }

 private:
  Vcpu& cpu_;
  const Register reg_;
  const uint32_t shift_;
  const uint32_t mask_;
};

// The instruction has been executed.
void Advance(GuestState& guest, const KernelCode& code) {
  const uint32_t eip = guest.cpu.Get(Register::kEip);
  guest.cpu.Set(Register::kEip, eip + static_cast<uint32_t>(code.position()));
}

void Apply(GuestState& guest, GuestIo::Effect effect) {
  if (effect == GuestIo::Effect::kNotify) guest.for_launcher = Notified{};
}

absl::Status In(GuestState& guest, uint16_t port, uint32_t size) {
  uint32_t value = ~0u;
  if (guest.io != nullptr) {
    ASSIGN_OR_RETURN(value, guest.io->ReadPort(port, size));
  }
  RegisterOperand(guest.cpu, /*number=*/0, size).Set(value);
  return absl::OkStatus();
}

absl::Status Out(GuestState& guest, uint16_t port, uint32_t size) {
  const uint32_t value = RegisterOperand(guest.cpu, /*number=*/0, size).Get();
  if (port == kKeyboardController && size == 1 && value == kReset) {
    return GuestDeath("%s", kRestartReason);
  }
  if (guest.io == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const GuestIo::Effect effect, guest.io->WritePort(port, size, value));
  Apply(guest, effect);
  return absl::OkStatus();
}

// VIRTIO_ABI.md §5.5. The code that unpacks a kernel tests and sets CR0.WP.
bool MoveControl(GuestState& guest, KernelCode& code) {
  if (guest.data.has_value()) return false;
  const uint8_t opcode = code.Next();
  const uint8_t operands = code.Next();
  const bool is_cr0 = (operands & 0xf8) == 0xc0;
  if (!is_cr0 || (opcode != kFromControl && opcode != kToControl)) return false;
  if (opcode == kFromControl) guest.cpu.Set(static_cast<Register>(operands & 7), kCr0);
  return true;
}

// A `mov` between a register and memory.
struct Move {
  bool is_write = false;
  uint32_t size = 0;
  uint32_t reg = 0;
};

// Skips what follows a ModRM byte of a memory operand.
void SkipAddress(KernelCode& code, uint8_t modrm) {
  const uint8_t mode = modrm >> 6;
  const uint8_t base = modrm & 7;
  const bool has_scale = base == 4;
  const bool is_absolute = mode == 0 && (has_scale ? (code.Next() & 7) == 5 : base == 5);
  if (mode != 0 && has_scale) code.Skip(1);
  if (is_absolute || mode == 2) code.Skip(4);
  if (mode == 1) code.Skip(1);
}

std::optional<Move> DecodeMove(KernelCode& code) {
  uint8_t opcode = code.Next();
  const bool prefixed = opcode == kOperandSizePrefix;
  if (prefixed) opcode = code.Next();
  Move move = {.size = (opcode & 1) == 0 ? 1u : prefixed ? 2u : 4u};
  switch (opcode & 0xfe) {
    case kMovToMemory:
    case kMovFromMemory: {
      const uint8_t modrm = code.Next();
      if (modrm >> 6 == 3) return std::nullopt;
      SkipAddress(code, modrm);
      move.is_write = (opcode & 0xfe) == kMovToMemory;
      move.reg = modrm >> 3 & 7;
      return move;
    }
    case kMovEaxFromAddress:
    case kMovEaxToAddress:
      code.Skip(4);
      move.is_write = (opcode & 0xfe) == kMovEaxToAddress;
      return move;
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::StatusOr<bool> ExecutePrivileged(GuestState& guest) {
  if (PrivilegeLevel(guest.cpu) != 1) return false;
  KernelCode code(guest);
  uint8_t opcode = code.Next();
  const bool prefixed = opcode == kOperandSizePrefix;
  if (prefixed) opcode = code.Next();
  const uint32_t size = (opcode & 1) == 0 ? 1 : prefixed ? 2 : 4;
  auto port = static_cast<uint16_t>(guest.cpu.Get(Register::kEdx));
  switch (opcode & 0xfe) {
    case kInImmediate:
      port = code.Next();
      [[fallthrough]];
    case kInDx:
      RETURN_IF_ERROR(In(guest, port, size));
      break;
    case kOutImmediate:
      port = code.Next();
      [[fallthrough]];
    case kOutDx:
      RETURN_IF_ERROR(Out(guest, port, size));
      break;
    default:
      if (opcode != kCli && (opcode != kTwoBytes || !MoveControl(guest, code))) return false;
      break;
  }
  Advance(guest, code);
  return true;
}

bool ExecuteVmcall(GuestState& guest) {
  if (PrivilegeLevel(guest.cpu) != 1) return false;
  KernelCode code(guest);
  if (code.Next() != 0x0f || code.Next() != 0x01 || code.Next() != 0xc1) return false;
  Advance(guest, code);
  guest.hypercall_pending = true;
  return true;
}

absl::StatusOr<bool> ExecuteDeviceAccess(GuestState& guest, const Trap& trap) {
  if (guest.io == nullptr || !guest.io->IsDeviceMemory(trap.frame)) return false;
  if (PrivilegeLevel(guest.cpu) != 1) return false;
  KernelCode code(guest);
  const std::optional<Move> move = DecodeMove(code);
  if (!move.has_value()) {
    return GuestDeath("instruction at 0x%x cannot access device memory",
                      guest.cpu.Get(Register::kEip));
  }
  const GuestPhys address(trap.frame.value() + trap.cr2 % kPageSize);
  RegisterOperand operand(guest.cpu, move->reg, move->size);
  if (move->is_write) {
    ASSIGN_OR_RETURN(const GuestIo::Effect effect,
                     guest.io->WriteMemory(address, move->size, operand.Get()));
    Apply(guest, effect);
  } else {
    ASSIGN_OR_RETURN(const uint32_t value, guest.io->ReadMemory(address, move->size));
    operand.Set(value);
  }
  Advance(guest, code);
  return true;
}

}  // namespace lguest::hostsim
