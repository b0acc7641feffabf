#include "loader/unpack.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "loader/boot_params.h"
#include "loader/compression_formats.h"
#include "loader/elf_image.h"
#include "loader/gzip_reader.h"
#include "loader/setup_header.h"

namespace lguest::loader {
namespace {

// The largest ELF file, including debug information, that is unpacked.
constexpr uint32_t kLargestElf = 256u << 20;

// Limit for the input plus output bytes of all false matches. A normal false match fails within a
// few thousand bytes; without a limit, a crafted file would keep the scan busy for hours.
constexpr uint64_t kMaxScanWork = uint64_t{1} << 31;

// A member that fails before this many bytes of output is considered a false match.
constexpr uint64_t kMinPlausibleOutput = 32 * 1024;

class Unpacker {
 public:
  Unpacker(GuestMemory& memory, const KernelFile& file, const LoadTarget& target,
           uint32_t load_address, uint32_t limit)
      : memory_(memory), file_(file), target_(target), load_address_(load_address), limit_(limit) {}

  // Unpacks the member in `packed`, which starts at `offset` of the file. Returns nullptr and sets
  // error() when there is no complete gzip member or its output is too short for a kernel.
  absl::StatusOr<std::unique_ptr<UnpackedKernel>> TryUnpack(uint64_t offset,
                                                            std::span<const std::byte> packed);

  // The error and the byte counts of the last TryUnpack().
  const absl::Status& error() const { return error_; }
  uint64_t consumed() const { return reader_.consumed(); }
  uint64_t produced() const { return reader_.produced(); }

 private:
  using Result = absl::StatusOr<std::unique_ptr<UnpackedKernel>>;

  Result RecordError(uint64_t offset);
  Result UnpackElf(uint64_t offset, std::span<const std::byte> start);
  Result UnpackRaw(uint64_t offset, std::span<const std::byte> start);

  // Continues after the output is full, to count the remaining output of the member. False when the
  // member is corrupt.
  bool CountRemainingOutput();

  GuestMemory& memory_;
  const KernelFile& file_;
  const LoadTarget& target_;
  const uint32_t load_address_;
  const uint32_t limit_;
  GzipReader reader_;
  absl::Status error_;
};

Unpacker::Result Unpacker::RecordError(uint64_t offset) {
  error_ = absl::InvalidArgumentError(
      absl::StrFormat("%s: gzip payload at byte %u: %s after %u bytes of input and %u of output",
                      file_.name, offset, reader_.error(), reader_.consumed(), reader_.produced()));
  return nullptr;
}

bool Unpacker::CountRemainingOutput() {
  std::vector<std::byte> discarded(size_t{64} * 1024);
  GzipReader::State state = GzipReader::State::kMore;
  while (state == GzipReader::State::kMore && reader_.produced() <= kLargestKernel) {
    state = reader_.Read(discarded);
  }
  return state != GzipReader::State::kBad;
}

Unpacker::Result Unpacker::TryUnpack(uint64_t offset, std::span<const std::byte> packed) {
  reader_.Start(packed);
  std::array<std::byte, 4> start;  // the size of the ELF magic
  const GzipReader::State state = reader_.Read(start);
  if (state == GzipReader::State::kBad) return RecordError(offset);
  if (state == GzipReader::State::kDone) {
    error_ = absl::InvalidArgumentError(
        absl::StrFormat("%s: gzip payload at byte %u unpacks to %u bytes: not a kernel", file_.name,
                        offset, reader_.produced()));
    return nullptr;
  }
  return LooksLikeElf(start) ? UnpackElf(offset, start) : UnpackRaw(offset, start);
}

Unpacker::Result Unpacker::UnpackElf(uint64_t offset, std::span<const std::byte> start) {
  ASSIGN_OR_RETURN(AnonymousMapping buffer, AnonymousMapping::Create(kLargestElf));
  const std::span<std::byte> out = buffer.bytes();
  std::copy(start.begin(), start.end(), out.begin());
  const GzipReader::State state = reader_.Read(out.subspan(start.size()));
  if (state == GzipReader::State::kBad) return RecordError(offset);
  if (state == GzipReader::State::kMore) {
    if (!CountRemainingOutput()) return RecordError(offset);
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: gzip payload at byte %u unpacks to an ELF file of %u bytes or more: at most %u are "
        "supported",
        file_.name, offset, reader_.produced(), kLargestElf));
  }
  auto kernel = std::make_unique<UnpackedKernel>();
  kernel->buffer = std::move(buffer);
  kernel->elf = out.first(static_cast<size_t>(reader_.produced()));
  return kernel;
}

Unpacker::Result Unpacker::UnpackRaw(uint64_t offset, std::span<const std::byte> start) {
  constexpr uint32_t kReservedEnd = kCommandLineAddress.value() + kCommandLineSize;
  if (load_address_ < kReservedEnd) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: pref_address %#x: boot parameters and command line occupy memory below %#x",
        file_.name, load_address_, kReservedEnd));
  }
  if (load_address_ > limit_ || limit_ - load_address_ < start.size()) {
    if (!CountRemainingOutput()) return RecordError(offset);
    return KernelDoesNotFit(
        {absl::StrCat(file_.name, " unpacked"), load_address_, reader_.produced()},
        target_.ram_size, target_.initrd);
  }
  const uint32_t room = limit_ - load_address_;
  const GuestPhys address(load_address_);
  ASSIGN_OR_RETURN(const std::span<std::byte> out, memory_.MutableRange(address, room));
  std::copy(start.begin(), start.end(), out.begin());
  GzipReader::State state = reader_.Read(out.subspan(start.size()));
  const auto written = static_cast<uint32_t>(std::min<uint64_t>(reader_.produced(), room));
  if (state == GzipReader::State::kMore && !CountRemainingOutput()) state = GzipReader::State::kBad;
  if (state == GzipReader::State::kBad) {
    std::fill_n(out.begin(), written, std::byte{});
    return RecordError(offset);
  }
  if (reader_.produced() > room) {
    if (reader_.produced() > kLargestKernel) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s: gzip payload at byte %u unpacks to more than %u bytes: no kernel is that large",
          file_.name, offset, kLargestKernel));
    }
    return KernelDoesNotFit(
        {absl::StrCat(file_.name, " unpacked"), load_address_, reader_.produced()},
        target_.ram_size, target_.initrd);
  }
  if (ReadSetupHeader(out.first(written)).has_value()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: gzip payload at byte %u is a bzImage, which is packed itself: gunzip the file first",
        file_.name, offset));
  }
  memory_.NotifyWritten(address, written);
  auto kernel = std::make_unique<UnpackedKernel>();
  kernel->raw = {address, written};
  return kernel;
}

absl::Status UnsupportedFormatError(const KernelFile& file, const char* format, uint64_t offset) {
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: payload at byte %u is compressed with %s: gzip is needed "
                      "(CONFIG_KERNEL_GZIP), and a 32-bit kernel that was built as an lguest guest "
                      "(CONFIG_LGUEST_GUEST)",
                      file.name, offset, format));
}

absl::StatusOr<UnpackedKernel> UnpackFromHeader(Unpacker& unpacker, const KernelFile& file,
                                                const SetupHeader::Payload& payload) {
  if (payload.offset + payload.size > file.bytes.size()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: payload_offset and payload_length: the payload ends at byte %u, but the file has %u",
        file.name, payload.offset + payload.size, file.bytes.size()));
  }
  const auto packed =
      file.bytes.subspan(static_cast<size_t>(payload.offset), static_cast<size_t>(payload.size));
  if (const char* const format = OtherFormatName(packed); format != nullptr) {
    return UnsupportedFormatError(file, format, payload.offset);
  }
  if (!IsGzip(packed)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: payload_offset: no gzip header at byte %u", file.name, payload.offset));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<UnpackedKernel> kernel,
                   unpacker.TryUnpack(payload.offset, packed));
  if (kernel == nullptr) return unpacker.error();
  return std::move(*kernel);
}

absl::StatusOr<UnpackedKernel> ScanForPayload(Unpacker& unpacker, const KernelFile& file) {
  absl::Status best_error;
  uint64_t best_produced = 0;
  uint64_t work = 0;
  for (std::optional<size_t> at = FindGzip(file.bytes, 0); at.has_value();
       at = FindGzip(file.bytes, *at + 1)) {
    ASSIGN_OR_RETURN(std::unique_ptr<UnpackedKernel> kernel,
                     unpacker.TryUnpack(*at, file.bytes.subspan(*at)));
    if (kernel != nullptr) return std::move(*kernel);
    if (best_error.ok() || unpacker.produced() > best_produced) {
      best_error = unpacker.error();
      best_produced = unpacker.produced();
    }
    work += unpacker.consumed() + unpacker.produced();
    if (work > kMaxScanWork) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s: stopped the payload search at byte %u: processed %u bytes of false gzip matches",
          file.name, *at, work));
    }
  }
  if (best_produced < kMinPlausibleOutput) {
    if (const auto other = FindOtherFormat(file.bytes); other.has_value()) {
      return UnsupportedFormatError(file, other->name, other->offset);
    }
  }
  if (!best_error.ok()) return best_error;
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: neither an ELF executable nor a bzImage: no gzip header in %u bytes",
                      file.name, file.bytes.size()));
}

}  // namespace

absl::StatusOr<UnpackedKernel> UnpackKernel(GuestMemory& memory, const KernelFile& file,
                                            const LoadTarget& target, uint32_t limit) {
  const SetupHeader header = ReadSetupHeader(file.bytes).value_or(SetupHeader());
  if (header.load_address > UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: pref_address %#x is beyond 4 GB", file.name, header.load_address));
  }
  Unpacker unpacker(memory, file, target, static_cast<uint32_t>(header.load_address), limit);
  ASSIGN_OR_RETURN(UnpackedKernel kernel, header.payload.has_value()
                                              ? UnpackFromHeader(unpacker, file, *header.payload)
                                              : ScanForPayload(unpacker, file));
  kernel.is_placed = header.has_load_address;
  return kernel;
}

}  // namespace lguest::loader
