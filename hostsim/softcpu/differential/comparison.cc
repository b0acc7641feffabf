#include "hostsim/softcpu/differential/comparison.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "hostsim/softcpu/differential/instruction_forms.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kPageFaultVector = 14;
constexpr uint32_t kControlFlags = 0x200400;  // ID, DF
constexpr const char* kNames[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};

void AppendDifference(std::string& lines, const char* what, uint32_t native, uint32_t soft) {
  if (native != soft) absl::StrAppendFormat(&lines, "  %s: 0x%x, not 0x%x\n", what, soft, native);
}

uint32_t UndefinedFlags(const RandomCode& code, uint32_t eip) {
  uint32_t undefined = 0;
  for (const RandomCode::Start& start : code.starts) {
    if (code.address + start.offset == eip) undefined = start.undefined_flags;
  }
  return undefined;
}

// Only the write bit and the present bit of the error code are compared. The native process has no
// memory above kPageOffset, but a guest has its kernel there.
uint32_t ComparedError(const Outcome& outcome) {
  constexpr uint32_t kBits = 7;
  constexpr uint32_t kGuestKernel = 0xc0000000;
  if (outcome.vector != kPageFaultVector) return outcome.error_code;
  return outcome.error_code & (outcome.cr2 >= kGuestKernel ? kBits & ~1u : kBits);
}

// Returns the opcode of the instruction at `eip`, or 0 outside of the code.
uint8_t OpcodeAt(const RandomCode& code, uint32_t eip) {
  constexpr uint8_t kPrefixes[] = {0x26, 0x36, 0x3e, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
  size_t at = eip - code.address;
  while (at < code.bytes.size() && std::ranges::count(kPrefixes, code.bytes[at]) != 0) ++at;
  return at < code.bytes.size() ? code.bytes[at] : 0;
}

// cmps with two operands that fault: CPUs differ in which one they read first.
bool IsOtherOperand(const RandomCode& code, const Outcome& native, const Outcome& soft) {
  constexpr uint8_t kCompareStrings = 0xa6;  // and 0xa7
  constexpr uint32_t kWidest = 4;
  if (native.vector != kPageFaultVector || soft.vector != kPageFaultVector) return false;
  const auto is_operand = [&](uint32_t reg) { return soft.cr2 - native.cpu.regs[reg] < kWidest; };
  return (OpcodeAt(code, native.cpu.eip) & ~1) == kCompareStrings &&
         (is_operand(6) || is_operand(7));
}

// An access across two pages that both fault: either address is correct.
bool IsOtherPage(const Outcome& native, const Outcome& soft) {
  constexpr uint32_t kWidest = 16;
  if (native.vector != kPageFaultVector || soft.vector != kPageFaultVector) return false;
  const auto [first, second] = std::minmax(native.cr2, soft.cr2);
  return first != second && second % kPage == 0 && second - first < kWidest;
}

// SoftCpu has no segment limits. An access beyond the top of the address space is a page fault
// there, but a limit violation on the native CPU.
bool IsAtTheTop(const Outcome& native, const Outcome& soft) {
  constexpr uint32_t kStackFault = 12;
  constexpr uint32_t kGeneralProtection = 13;
  constexpr uint32_t kLastPage = 0xfffff000;
  return (native.vector == kStackFault || native.vector == kGeneralProtection) &&
         native.error_code == 0 && soft.vector == kPageFaultVector && soft.cr2 >= kLastPage;
}

}  // namespace

// This is pusha. SoftCpu writes the lowest word first.
bool MayBeHalfDone(const RandomCode& code, const Outcome& native) {
  constexpr uint8_t kPushAll = 0x60;
  return native.vector == kPageFaultVector && OpcodeAt(code, native.cpu.eip) == kPushAll;
}

std::string Difference(const RandomCode& code, const Outcome& native, const Outcome& soft) {
  std::string lines;
  for (size_t i = 0; i < native.cpu.regs.size(); ++i) {
    AppendDifference(lines, kNames[i], native.cpu.regs[i], soft.cpu.regs[i]);
  }
  AppendDifference(lines, "eip", native.cpu.eip, soft.cpu.eip);
  const uint32_t flags = kControlFlags | (kStatusFlags & ~UndefinedFlags(code, native.cpu.eip));
  AppendDifference(lines, "eflags", native.cpu.eflags & flags, soft.cpu.eflags & flags);
  if (IsAtTheTop(native, soft)) return lines;
  AppendDifference(lines, "vector", native.vector, soft.vector);
  if (IsOtherPage(native, soft) || IsOtherOperand(code, native, soft)) return lines;
  AppendDifference(lines, "error code", ComparedError(native), ComparedError(soft));
  if (native.vector == kPageFaultVector && !MayBeHalfDone(code, native)) {
    AppendDifference(lines, "cr2", native.cr2, soft.cr2);
  }
  if (!lines.empty()) {
    absl::StrAppendFormat(&lines, "  ends with exception %u at 0x%x\n", native.vector,
                          native.cpu.eip);
  }
  return lines;
}

std::string MemoryDifference(uint32_t address, std::span<const uint8_t> native,
                             std::span<const uint8_t> soft) {
  const auto [here, there] = std::ranges::mismatch(native, soft);
  if (here == native.end()) return "";
  return absl::StrFormat("  memory at 0x%x: 0x%x, not 0x%x\n",
                         address + static_cast<uint32_t>(here - native.begin()), *there, *here);
}

std::string Describe(const RandomCode& code, const CpuState& start) {
  std::string text;
  for (size_t i = 0; i < start.regs.size(); ++i) {
    absl::StrAppendFormat(&text, "%s=%08x ", kNames[i], start.regs[i]);
  }
  absl::StrAppendFormat(&text, "eflags=%08x\n", start.eflags);
  for (size_t i = 0; i < code.starts.size(); ++i) {
    const size_t begin = code.starts[i].offset;
    const size_t end = i + 1 < code.starts.size() ? code.starts[i + 1].offset : code.bytes.size();
    absl::StrAppendFormat(&text, "%08x:", code.address + begin);
    for (size_t at = begin; at < end; ++at) absl::StrAppendFormat(&text, " %02x", code.bytes[at]);
    text += '\n';
  }
  return text;
}

}  // namespace lguest::hostsim
