#include "launcher/timetravel/fingerprint.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "hostsim/i386/fpu_registers.h"
#include "hostsim/i386/registers.h"

namespace lguest::timetravel {
namespace {

using hostsim::FpuRegisters;
using hostsim::Register;

constexpr int64_t kNanosPerSecond = 1'000'000'000;

void AddPieces(std::span<const iovec> pieces, size_t size, Hash& hash) {
  for (const iovec& piece : pieces) {
    const size_t part = std::min(piece.iov_len, size);
    hash.Add(piece.iov_base, part);
    size -= part;
  }
}

std::string Hex(uint64_t value) { return absl::StrFormat("%016x", value); }

}  // namespace

uint64_t HashOfRegisters(const hostsim::Vcpu& cpu) {
  Hash hash;
  for (auto reg = static_cast<uint8_t>(Register::kEax); reg <= static_cast<uint8_t>(Register::kGs);
       ++reg) {
    hash.AddNumber(cpu.Get(static_cast<Register>(reg)));
  }
  hash.AddNumber(cpu.page_directory().value());
  const std::optional<FpuRegisters> fpu = cpu.fpu();
  if (!fpu.has_value()) return hash.value();
  for (const uint64_t word :
       {uint64_t{fpu->control}, uint64_t{fpu->status}, uint64_t{fpu->tags}, uint64_t{fpu->mxcsr}}) {
    hash.AddNumber(word);
  }
  for (const FpuRegisters::Extended& number : fpu->r) {
    hash.AddNumber(number.significand);
    hash.AddNumber(number.sign_and_exponent);
  }
  hash.Add(fpu->xmm.data(), sizeof(fpu->xmm));
  return hash.value();
}

std::vector<std::pair<std::string, std::string>> Fingerprint::Items() const {
  return {{"instructions", absl::StrCat(instructions)},
          {"time", absl::StrFormat("%d.%09d", time / kNanosPerSecond, time % kNanosPerSecond)},
          {"memory", Hex(memory)},
          {"registers", Hex(registers)},
          {"console", Hex(console)},
          {"disks", Hex(disks)}};
}

std::string Fingerprint::Text() const {
  return absl::StrJoin(Items(), " ", absl::PairFormatter("="));
}

absl::StatusOr<size_t> HashedConsole::Write(std::span<const iovec> from) {
  absl::StatusOr<size_t> written = backend_->Write(from);
  if (written.ok()) AddPieces(from, *written, hash_);
  return written;
}

absl::Status HashedBlock::WriteAt(uint64_t offset, std::span<const iovec> pieces) {
  size_t size = 0;
  for (const iovec& piece : pieces) size += piece.iov_len;
  for (const uint64_t number : {uint64_t{device_}, offset, uint64_t{size}}) hash_.AddNumber(number);
  AddPieces(pieces, size, hash_);
  return backend_->WriteAt(offset, pieces);
}

}  // namespace lguest::timetravel
