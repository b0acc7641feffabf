#include "hostsim/testing/script_code.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kPageDirectory = kScriptMemorySize - 4 * kPageSize;
constexpr uint32_t kPageTable = kScriptMemorySize - 3 * kPageSize;
constexpr uint32_t kMaxMemory = 4u << 20;  // what one page table maps
constexpr uint32_t kMapped = 7;            // present, writable, user

// Variables of the guest.
constexpr uint32_t kInterruptsSeen = Script::kScratch.value() + kPageSize / 2;
constexpr uint32_t kFailures = kInterruptsSeen + 4;
constexpr uint32_t kFirstFailure = kFailures + 4;  // the number of the action

constexpr uint32_t kMaxText = kPageSize / 2 - 1;

constexpr uint32_t kHandlerSize = 16;
constexpr uint32_t kIrqEnabled = Script::kData.value() + offsetof(LguestData, irq_enabled);

constexpr uint32_t Virt(uint32_t phys) { return Script::kPageOffset + phys; }
constexpr uint32_t Phys(uint32_t virt) { return virt - Script::kPageOffset; }

// The order of the instruction encoding.
enum class Register : uint8_t { kEax, kEcx, kEdx, kEbx };

// Builds i386 machine code, one instruction at a time.
class Code {
 public:
  explicit Code(uint32_t virt) : virt_(virt) {}

  std::span<const uint8_t> bytes() const { return bytes_; }
  uint32_t here() const { return virt_ + static_cast<uint32_t>(bytes_.size()); }

  Code& Bytes(std::initializer_list<uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes);
    return *this;
  }
  Code& Word(uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) {
      bytes_.push_back(static_cast<uint8_t>(word >> shift));
    }
    return *this;
  }

  Code& MoveToRegister(Register reg, uint32_t value) {
    return Bytes({static_cast<uint8_t>(0xb8 + static_cast<uint8_t>(reg))}).Word(value);
  }
  Code& Store(uint32_t phys, uint32_t value) {
    return Bytes({0xc7, 0x05}).Word(Virt(phys)).Word(value);
  }
  Code& StoreByte(uint32_t phys, uint8_t value) {
    return Bytes({0xc6, 0x05}).Word(Virt(phys)).Bytes({value});
  }
  Code& Compare(uint32_t phys, uint32_t value) {
    return Bytes({0x81, 0x3d}).Word(Virt(phys)).Word(value);
  }
  Code& CompareByte(uint32_t phys, uint8_t value) {
    return Bytes({0x80, 0x3d}).Word(Virt(phys)).Bytes({value});
  }
  Code& Push(uint32_t value) { return Bytes({0x68}).Word(value); }
  Code& Jump(uint32_t virt) { return Bytes({0xe9}).Relative(virt); }
  Code& Call(uint32_t virt) { return Bytes({0xe8}).Relative(virt); }
  Code& SoftwareInterrupt(uint8_t vector) { return Bytes({0xcd, vector}); }

  Code& Hypercall(uint32_t eax, uint32_t edx, uint32_t ebx, uint32_t ecx) {
    return MoveToRegister(Register::kEax, eax)
        .MoveToRegister(Register::kEdx, edx)
        .MoveToRegister(Register::kEbx, ebx)
        .MoveToRegister(Register::kEcx, ecx)
        .SoftwareInterrupt(kHypercallVector);
  }

 private:
  // Writes a displacement relative to the end of the instruction. The displacement is the last word
  // of the instruction.
  Code& Relative(uint32_t virt) {
    const uint32_t end = here() + 4;
    return Word(virt - end);
  }

  const uint32_t virt_;
  std::vector<uint8_t> bytes_;
};

class Compiler {
 public:
  explicit Compiler(uint32_t memory_size)
      : memory_size_(memory_size), code_(Virt(kScriptCodeStart)) {
    // Records the failure of the action whose number is on the stack. Keeps all registers.
    code_.Bytes({0x83, 0x3d}).Word(Virt(kFailures)).Bytes({0});  // cmpl $0,kFailures
    code_.Bytes({0x75, 4 + 6});                                  // jne over the next two
    code_.Bytes({0xff, 0x74, 0x24, 4});                          // push 4(%esp)
    code_.Bytes({0x8f, 0x05}).Word(Virt(kFirstFailure));         // pop kFirstFailure
    code_.Bytes({0xff, 0x05}).Word(Virt(kFailures));             // incl kFailures
    code_.Bytes({0xc2, 4, 0});                                   // ret $4
    entry_ = code_.here();
    code_.Bytes({0xbc}).Word(Virt(Script::kStackTop));  // mov $...,%esp
  }

  absl::Status Add(const Action& action) {
    const std::vector<uint32_t>& numbers = action.numbers;
    switch (action.op) {
      case Action::Op::kHypercall:
        code_.Hypercall(numbers[0], numbers[1], numbers[2], numbers[3]);
        break;
      case Action::Op::kRing:
        PutInRing(numbers);
        break;
      case Action::Op::kTrap:
        if (!AddTrap(numbers)) return Impossible(action);
        break;
      case Action::Op::kSoftware:
        code_.SoftwareInterrupt(static_cast<uint8_t>(numbers[0]));
        break;
      case Action::Op::kRegister:
        return Impossible(action);
      case Action::Op::kPut:
        if (numbers[0] > memory_size_ || action.bytes.size() > memory_size_ - numbers[0]) {
          return Impossible(action);
        }
        Put(numbers[0], action.bytes);
        break;
      case Action::Op::kWait:
        Wait(numbers[0] % kInterrupts);
        break;
      case Action::Op::kSpin: {
        const uint32_t start = code_.here();
        ClearInterrupt(numbers[0] % kInterrupts);
        JumpBackUnlessCarry(start);
        break;
      }
      case Action::Op::kExpectBytes:
        Expect(numbers[0], action.bytes);
        break;
      case Action::Op::kExpectResult:
        code_.Bytes({0x3d}).Word(numbers[0]);  // cmp $...,%eax
        FailUnlessEqual();
        break;
      case Action::Op::kCrash:
        Crash(action.bytes);
        break;
    }
    ++index_;
    return absl::OkStatus();
  }

  void Crash(std::string_view text) {
    Put(Script::kScratch.value(), std::string(text.substr(0, kMaxText)) + '\0');
    code_.Hypercall(static_cast<uint32_t>(Hypercall::kCrash), Script::kScratch.value(), 0, 0);
  }

  uint32_t entry() const { return entry_; }
  const Code& code() const { return code_; }

 private:
  absl::Status Impossible(const Action& action) const {
    return absl::InvalidArgumentError(absl::StrFormat(
        "line %d, action %u: only a scripted CPU supports this", action.line, index_));
  }

  void Put(uint32_t phys, std::string_view bytes) {
    for (; bytes.size() >= 4; bytes.remove_prefix(4), phys += 4) {
      code_.Store(phys, FirstWord(bytes));
    }
    for (const char byte : bytes) code_.StoreByte(phys++, static_cast<uint8_t>(byte));
  }

  void Expect(uint32_t phys, std::string_view bytes) {
    for (; bytes.size() >= 4; bytes.remove_prefix(4), phys += 4) {
      code_.Compare(phys, FirstWord(bytes));
      FailUnlessEqual();
    }
    for (const char byte : bytes) {
      code_.CompareByte(phys++, static_cast<uint8_t>(byte));
      FailUnlessEqual();
    }
  }

  static uint32_t FirstWord(std::string_view bytes) {
    uint32_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof(word));
    return word;
  }

  void FailUnlessEqual() {
    code_.Bytes({0x74, 5 + 5});  // je over the next two
    code_.Push(index_).Call(Virt(kScriptCodeStart));
  }

  void PutInRing(const std::vector<uint32_t>& numbers) {
    const uint32_t slot =
        std::exchange(next_ring_slot_, (next_ring_slot_ + 1) % kHypercallRingSize);
    const auto call = static_cast<uint32_t>(Script::kData.value() + offsetof(LguestData, hcalls) +
                                            slot * sizeof(HypercallArguments));
    for (uint32_t i = 0; i < 4; ++i) code_.Store(call + 4 * i, numbers[i]);
    code_.StoreByte(
        Script::kData.value() + static_cast<uint32_t>(offsetof(LguestData, hcall_status)) + slot,
        kHypercallPending);
  }

  bool AddTrap(const std::vector<uint32_t>& numbers) {
    constexpr uint32_t kByWriting = 2;
    const uint32_t vector = numbers[0];
    const uint32_t error_code = numbers[1];
    if (vector == 6) {
      code_.Bytes({0x0f, 0x0b});  // ud2
    } else if (vector == 13 && error_code == 0) {
      code_.Bytes({0xf4});  // hlt
    } else if (vector == 14 && (error_code == 0 || error_code == kByWriting)) {
      code_.Bytes({static_cast<uint8_t>(error_code == 0 ? 0xa1 : 0xa3)}).Word(numbers[2]);
    } else {
      return false;
    }
    return true;
  }

  // Clears the interrupt's bit and moves it to the carry flag.
  void ClearInterrupt(uint32_t irq) {
    code_.Bytes({0x0f, 0xba, 0x35}).Word(Virt(kInterruptsSeen)).Bytes({static_cast<uint8_t>(irq)});
  }

  void JumpBackUnlessCarry(uint32_t to) {
    code_.Bytes({0x73, static_cast<uint8_t>(to - (code_.here() + 2))});
  }

  // Interrupts are off between the check and the halt. Otherwise the guest would sleep through an
  // interrupt that arrives there.
  void Wait(uint32_t irq) {
    constexpr uint8_t kHypercallSize = 4 * 5 + 2;
    const uint32_t start = code_.here();
    code_.Store(kIrqEnabled, 0);
    ClearInterrupt(irq);
    code_.Bytes({0x72, kHypercallSize + 5});  // jc over the next two
    code_.Hypercall(static_cast<uint32_t>(Hypercall::kHalt), 0, 0, 0);
    code_.Jump(start);
    code_.Store(kIrqEnabled, kInterruptFlag);
  }

  const uint32_t memory_size_;
  Code code_;
  uint32_t entry_ = 0;
  uint32_t index_ = 0;
  uint32_t next_ring_slot_ = 0;
};

absl::Status PutCode(GuestMemory& memory, uint32_t virt, const Code& code) {
  return memory.WriteBytes(GuestPhys(Phys(virt)), std::as_bytes(code.bytes()));
}

// Each handler records its interrupt and returns to the interrupted code.
absl::Status PutHandlers(GuestMemory& memory) {
  const uint32_t return_virt = Script::kHandlers + kHandlerSize * kInterrupts;
  for (uint32_t irq = 0; irq < kInterrupts; ++irq) {
    const uint32_t virt = Script::kHandlers + kHandlerSize * irq;
    Code handler(virt);
    handler.Bytes({0x0f, 0xba, 0x2d}).Word(Virt(kInterruptsSeen));  // bts $irq,kInterruptsSeen
    handler.Bytes({static_cast<uint8_t>(irq)});
    handler.Jump(return_virt);
    RETURN_IF_ERROR(PutCode(memory, virt, handler));
  }
  Code back(return_virt);
  back.Store(kIrqEnabled, kInterruptFlag).Bytes({0xcf});  // iret
  return PutCode(memory, return_virt, back);
}

absl::Status PutPageTables(GuestMemory& memory) {
  const uint32_t entry = kPageDirectory + (Script::kPageOffset >> 22) * 4;
  RETURN_IF_ERROR(memory.Write(GuestPhys(entry), kPageTable | kMapped));
  for (uint32_t page = 0; page < memory.size(); page += kPageSize) {
    const GuestPhys pte(kPageTable + page / kPageSize * 4);
    RETURN_IF_ERROR(memory.Write(pte, page | kMapped));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BootState> LoadScriptCode(const Script& script, GuestMemory& memory) {
  if (memory.size() < kScriptMemorySize || memory.size() > kMaxMemory) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%u bytes of memory, but the code of a script needs %u to %u",
                        memory.size(), kScriptMemorySize, kMaxMemory));
  }
  Compiler compiler(memory.size());
  for (const Action& action : script.actions()) {
    RETURN_IF_ERROR(compiler.Add(action));
  }
  compiler.Crash("script ended");
  const Code& code = compiler.code();
  if (code.bytes().size() > kPageDirectory - kScriptCodeStart) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the script is too long: %u bytes of code", code.bytes().size()));
  }
  for (const absl::Status& put : {PutCode(memory, Virt(kScriptCodeStart), code),
                                  PutHandlers(memory), PutPageTables(memory)}) {
    if (!put.ok()) return put;
  }
  return BootState{.pfn_limit = memory.size() / kPageSize,
                   .page_directory = GuestPhys(kPageDirectory),
                   .entry = GuestVirt(compiler.entry()),
                   .page_offset = Script::kPageOffset};
}

std::vector<std::string> ScriptCodeFailures(const Script& script, const GuestMemory& memory) {
  const uint32_t count = memory.Read<uint32_t>(GuestPhys(kFailures)).value_or(0);
  const uint32_t first = memory.Read<uint32_t>(GuestPhys(kFirstFailure)).value_or(0);
  std::vector<std::string> failures;
  if (count == 0) return failures;
  const int line = first < script.actions().size() ? script.actions()[first].line : 0;
  failures.push_back(absl::StrFormat("line %d, action %u is not as expected", line, first));
  for (uint32_t i = 1; i < std::min<uint32_t>(count, 100); ++i) {
    failures.emplace_back("and another");
  }
  return failures;
}

}  // namespace lguest::hostsim
