#include "loader/elf_image.h"

#include <elf.h>
#include <gelf.h>
#include <libelf.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"

namespace lguest::loader {
namespace {

// An upper limit. A kernel has about three program headers.
constexpr uint64_t kMaxProgramHeaders = 65536 / sizeof(Elf32_Phdr);

// The number of sections that are searched for boot code. Real kernels have some dozens.
constexpr size_t kMaxSections = 1024;

struct ElfCloser {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfCloser>;

template <typename... Args>
absl::Status Malformed(std::string_view name, const absl::FormatSpec<Args...>& format,
                       const Args&... args) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", absl::StrFormat(format, args...)));
}

const char* TypeName(uint64_t type) {
  switch (type) {
    case ET_REL:
      return "relocatable";
    case ET_DYN:
      return "shared object";
    case ET_CORE:
      return "core dump";
    default:
      return "unknown";
  }
}

// Checks the first bytes of the file before libelf converts anything.
absl::Status CheckIdentification(std::span<const std::byte> image, std::string_view name) {
  if (image.size() < sizeof(Elf32_Ehdr)) {
    return Malformed(name, "ELF file of %u bytes: the ELF header needs %u", image.size(),
                     sizeof(Elf32_Ehdr));
  }
  const auto ident = [&](size_t index) { return std::to_integer<unsigned>(image[index]); };
  if (ident(EI_CLASS) != ELFCLASS32) {
    return Malformed(name, "ELF class %u%s: a 32-bit kernel (class %u) is needed", ident(EI_CLASS),
                     ident(EI_CLASS) == ELFCLASS64 ? " (64-bit)" : "", unsigned{ELFCLASS32});
  }
  if (ident(EI_DATA) != ELFDATA2LSB) {
    return Malformed(name, "ELF data encoding %u%s: a little-endian kernel (%u) is needed",
                     ident(EI_DATA), ident(EI_DATA) == ELFDATA2MSB ? " (big-endian)" : "",
                     unsigned{ELFDATA2LSB});
  }
  return absl::OkStatus();
}

absl::Status CheckHeader(const GElf_Ehdr& header, uint64_t file_size, std::string_view name) {
  const uint64_t type = header.e_type;
  const uint64_t machine = header.e_machine;
  const uint64_t count = header.e_phnum;
  const uint64_t entry_size = header.e_phentsize;
  if (type != ET_EXEC) {
    return Malformed(name, "ELF type %u (%s): an executable (%u) is needed", type, TypeName(type),
                     unsigned{ET_EXEC});
  }
  if (machine != EM_386) {
    return Malformed(name, "ELF machine %u: an i386 kernel (%u) is needed", machine,
                     unsigned{EM_386});
  }
  if (entry_size != sizeof(Elf32_Phdr)) {
    return Malformed(name, "ELF program header size %u: %u is needed", entry_size,
                     sizeof(Elf32_Phdr));
  }
  if (count < 1 || count > kMaxProgramHeaders) {
    return Malformed(name, "%u ELF program headers: 1 to %u are possible", count,
                     kMaxProgramHeaders);
  }
  // Fields have 32 bits and the sum has 64, so it cannot wrap.
  const uint64_t end = header.e_phoff + count * entry_size;
  if (end > file_size) {
    return Malformed(name, "ELF program headers end at byte %u, but the file has %u", end,
                     file_size);
  }
  return absl::OkStatus();
}

absl::Status CheckSegment(const GElf_Phdr& header, size_t number, uint64_t file_size,
                          std::string_view name) {
  if (header.p_filesz > header.p_memsz) {
    return Malformed(name, "segment %u: p_filesz %#x is more than p_memsz %#x", number,
                     header.p_filesz, header.p_memsz);
  }
  if (header.p_offset + header.p_filesz > file_size && header.p_filesz != 0) {
    return Malformed(name, "segment %u: its data ends at byte %u, but the file has %u", number,
                     header.p_offset + header.p_filesz, file_size);
  }
  if (header.p_paddr + header.p_memsz > uint64_t{1} << 32) {
    return Malformed(name, "segment %u: p_paddr %#x + p_memsz %#x is beyond 4 GB", number,
                     header.p_paddr, header.p_memsz);
  }
  return absl::OkStatus();
}

bool ContainsRange(const Segment& segment, uint64_t address, uint64_t size) {
  const uint64_t start = segment.address.value();
  return address >= start && address + size <= start + segment.file_size;
}

// Finds the sections of code that runs only at boot. The section table is untrusted: sections
// outside the segments' data are skipped.
std::vector<GuestRange> FindBootCode(Elf* elf, const ElfImage& image) {
  std::vector<GuestRange> ranges;
  size_t names = 0;
  size_t count = 0;
  if (elf_getshdrstrndx(elf, &names) != 0 || elf_getshdrnum(elf, &count) != 0) return ranges;
  for (size_t i = 1; i < count && i < kMaxSections; ++i) {
    GElf_Shdr header;
    if (gelf_getshdr(elf_getscn(elf, i), &header) == nullptr) break;
    if (header.sh_type != SHT_PROGBITS || (header.sh_flags & SHF_EXECINSTR) == 0) continue;
    const char* const section = elf_strptr(elf, names, header.sh_name);
    if (section == nullptr || std::strcmp(section, ".init.text") != 0) continue;
    const uint32_t address = static_cast<uint32_t>(header.sh_addr) - image.page_offset;
    for (const Segment& segment : image.segments) {
      if (!ContainsRange(segment, address, header.sh_size)) continue;
      ranges.push_back({GuestPhys(address), static_cast<uint32_t>(header.sh_size)});
      break;
    }
  }
  return ranges;
}

}  // namespace

bool LooksLikeElf(std::span<const std::byte> image) {
  return image.size() >= SELFMAG && std::memcmp(image.data(), ELFMAG, SELFMAG) == 0;
}

absl::StatusOr<ElfImage> ParseElf(std::span<const std::byte> image, std::string_view name) {
  if (!LooksLikeElf(image)) return Malformed(name, "not an ELF file");
  RETURN_IF_ERROR(CheckIdentification(image, name));

  elf_version(EV_CURRENT);
  // elf_memory() takes a non-const pointer, but libelf does not write to the image here.
  char* const start = reinterpret_cast<char*>(const_cast<std::byte*>(image.data()));
  const ElfHandle elf(elf_memory(start, image.size()));
  GElf_Ehdr header;
  if (elf == nullptr || gelf_getehdr(elf.get(), &header) == nullptr) {
    return Malformed(name, "malformed ELF header (%s)", elf_errmsg(-1));
  }
  RETURN_IF_ERROR(CheckHeader(header, image.size(), name));

  ElfImage result;
  result.entry = static_cast<uint32_t>(header.e_entry);
  std::optional<size_t> first;  // the segment that gave the page offset (0 is a valid offset)
  for (size_t i = 0; i < header.e_phnum; ++i) {
    GElf_Phdr segment;  // a copy, so the checked values are used
    if (gelf_getphdr(elf.get(), static_cast<int>(i), &segment) == nullptr) {
      return Malformed(name, "malformed ELF program header %u (%s)", i, elf_errmsg(-1));
    }
    if (segment.p_type != PT_LOAD || (segment.p_memsz == 0 && segment.p_filesz == 0)) continue;
    RETURN_IF_ERROR(CheckSegment(segment, i, image.size(), name));

    // Modulo 2^32, like the guest's address arithmetic.
    const uint32_t offset = static_cast<uint32_t>(segment.p_vaddr - segment.p_paddr);
    if (!first.has_value()) {
      first = i;
      result.page_offset = offset;
    } else if (offset != result.page_offset) {
      return Malformed(name,
                       "segment %u: virtual minus physical address is %#x, but %#x in segment %u",
                       i, offset, result.page_offset, *first);
    }
    const bool has_data = segment.p_filesz != 0;
    result.segments.push_back({
        .number = static_cast<uint32_t>(i),
        .address = GuestPhys(static_cast<uint32_t>(segment.p_paddr)),
        .file_offset = has_data ? segment.p_offset : 0,
        .file_size = static_cast<uint32_t>(segment.p_filesz),
        .memory_size = static_cast<uint32_t>(segment.p_memsz),
        .executable = (segment.p_flags & PF_X) != 0,
    });
  }
  if (result.segments.empty()) return Malformed(name, "no loadable segment (PT_LOAD) in the ELF");
  result.boot_code = FindBootCode(elf.get(), result);
  return result;
}

std::vector<GuestRange> LoadedRanges(const ElfImage& elf) {
  std::vector<GuestRange> ranges = elf.boot_code;
  for (const bool executable : {true, false}) {
    for (const Segment& segment : elf.segments) {
      if (segment.executable == executable && segment.file_size != 0) {
        ranges.push_back({segment.address, segment.file_size});
      }
    }
  }
  return ranges;
}

}  // namespace lguest::loader
