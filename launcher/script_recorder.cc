#include "launcher/script_recorder.h"

#include <algorithm>
#include <cctype>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/vector_io.h"

namespace lguest {
namespace {

constexpr std::string_view kCrash = "CRASH: ";

// A script uses the first pages itself. What the guest has there stands elsewhere in the script.
constexpr uint32_t kReservedEnd = 0x4000;
constexpr uint32_t kMoved = 0x10000;
constexpr uint32_t Place(uint32_t address) {
  return address < kReservedEnd ? address + kMoved : address;
}

// As an operand of `put` and `expect`: readable text, or hexadecimal digits.
std::string Operand(std::string_view bytes) {
  const bool is_text = std::all_of(bytes.begin(), bytes.end(), [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c)) && c != '"' && c != '\\';
  });
  return is_text ? absl::StrCat("\"", bytes, "\"") : absl::BytesToHexString(bytes);
}

std::string Line(std::string_view word, uint32_t address, std::string_view bytes) {
  return absl::StrFormat("%s 0x%x %s\n", word, Place(address), Operand(bytes));
}

// The number of sections that the guest uses.
size_t SectionsOf(const Dma& dma) {
  const auto* const end = std::find(dma.len.begin(), dma.len.end(), 0);
  return static_cast<size_t>(end - dma.len.begin());
}

}  // namespace

ScriptRecorder::ScriptRecorder(Host& host, const GuestMemory& memory, uint32_t ram_size,
                               UniqueFd file)
    : host_(host),
      memory_(memory),
      ram_size_(ram_size),
      file_(std::move(file)),
      pages_(memory.size() - ram_size, '\0') {
  Write(absl::StrFormat(
      "# A run of a guest with %u bytes of memory and %u bytes for devices.\ninit\n", ram_size,
      memory.size() - ram_size));
}

absl::StatusOr<Exit> ScriptRecorder::Run() {
  FinishExit();
  absl::StatusOr<Exit> exit = host_.Run();
  if (exit.ok()) Begin(*exit);
  return exit;
}

void ScriptRecorder::Begin(const Exit& exit) {
  sent_ = ChangesOfPages("put");
  if (const auto* const sent = std::get_if<DmaSent>(&exit)) {
    const absl::StatusOr<Dma> dma = memory_.Read<Dma>(sent->dma);
    if (dma.ok()) {
      for (size_t i = 0; i < SectionsOf(*dma); ++i) {
        const std::string bytes = Bytes(dma->addr[i], dma->len[i]);
        if (!bytes.empty()) sent_ += Line("put", dma->addr[i], bytes);
      }
      sent_ += DmaLine(sent->dma, *dma);
      sent_dma_ = sent->dma;
    }
    absl::StrAppendFormat(&sent_, "send 0x%x 0x%x\n", sent->key.value(), Place(sent->dma.value()));
  } else if (const auto* const died = std::get_if<Died>(&exit)) {
    std::string_view reason = died->reason;
    const bool crashed = absl::ConsumePrefix(&reason, kCrash);
    Write(absl::StrCat(sent_, crashed ? "crash " : "# The guest died: ",
                       absl::CHexEscape(absl::StripSuffix(reason, "\n")), "\n"));
  }
  broken_out_ = std::holds_alternative<BrokenOut>(exit);
}

absl::StatusOr<BoundDma> ScriptRecorder::GetDma(DmaKey key) {
  absl::StatusOr<BoundDma> bound = host_.GetDma(key);
  if (!bound.ok()) return bound;
  const absl::StatusOr<Dma> dma = memory_.Read<Dma>(bound->dma);
  if (dma.ok()) {
    taken_.emplace_back(Buffer{.key = key, .dma = bound->dma, .contents = *dma}, bound->irq);
  }
  return bound;
}

absl::Status ScriptRecorder::RaiseInterrupt(uint32_t irq) {
  raised_.insert(irq);
  return host_.RaiseInterrupt(irq);
}

void ScriptRecorder::FinishExit() {
  std::string lines;
  for (const auto& [buffer, irq] : taken_) {
    lines += DmaLine(buffer.dma, buffer.contents);
    if (!bound_.emplace(buffer.key, buffer.dma).second) continue;
    absl::StrAppendFormat(&lines, "bind 0x%x 0x%x 1 %u\n", buffer.key.value(),
                          Place(buffer.dma.value()), irq);
  }
  Write(lines + std::exchange(sent_, ""));
  for (const uint32_t irq : std::exchange(raised_, {})) Write(absl::StrFormat("wait %u\n", irq));
  if (const auto dma = std::exchange(sent_dma_, std::nullopt); dma.has_value()) {
    Write(Line("expect", dma->value(), Bytes(dma->value(), sizeof(Dma::used_len))));
  }
  for (const auto& [buffer, irq] : std::exchange(taken_, {})) ExpectFilled(buffer);
  Write(ChangesOfPages("expect"));
}

void ScriptRecorder::ExpectFilled(const Buffer& buffer) {
  const absl::StatusOr<uint32_t> used = memory_.Read<uint32_t>(buffer.dma);
  if (!used.ok() || *used == 0) return;
  if (broken_out_) Write(absl::StrFormat("# input to key 0x%x\n", buffer.key.value()));
  uint32_t rest = *used;
  for (size_t i = 0; i < SectionsOf(buffer.contents) && rest != 0; ++i) {
    const uint32_t len = std::min<uint32_t>(rest, buffer.contents.len[i]);
    Write(Line("expect", buffer.contents.addr[i], Bytes(buffer.contents.addr[i], len)));
    rest -= len;
  }
  Write(absl::StrFormat("expect32 0x%x %u\n", Place(buffer.dma.value()), *used));
}

std::string ScriptRecorder::ChangesOfPages(std::string_view line) {
  // Bytes that are nearer to each other become one line.
  constexpr size_t kGap = 8;
  std::string lines;
  const std::string now = Bytes(ram_size_, static_cast<uint32_t>(pages_.size()));
  for (size_t at = 0; at < now.size(); ++at) {
    if (now[at] == pages_[at]) continue;
    size_t end = at + 1;
    for (size_t i = end; i < std::min(end + kGap, now.size()); ++i) {
      if (now[i] != pages_[i]) end = i + 1;
    }
    lines += Line(line, ram_size_ + static_cast<uint32_t>(at),
                  std::string_view(now).substr(at, end - at));
    at = end;
  }
  pages_ = now;
  return lines;
}

std::string ScriptRecorder::DmaLine(GuestPhys dma, const Dma& contents) {
  std::string line = absl::StrFormat("dma 0x%x", Place(dma.value()));
  for (size_t i = 0; i < SectionsOf(contents); ++i) {
    absl::StrAppendFormat(&line, " %u@0x%x", contents.len[i], Place(contents.addr[i]));
  }
  return line + "\n";
}

std::string ScriptRecorder::Bytes(uint32_t address, uint32_t len) const {
  std::string bytes(len, '\0');
  const absl::Status read = memory_.ReadBytes(
      GuestPhys(address), std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  return read.ok() ? bytes : "";
}

void ScriptRecorder::Write(std::string_view text) {
  if (text.empty() || !status_.ok()) return;
  if (WriteBytes(file_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    status_ = ErrnoStatus("writing the script");
  }
}

}  // namespace lguest
