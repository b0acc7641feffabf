#include "testdata/images/elf_builder.h"

#include <cstring>
#include <span>
#include <utility>

namespace lguest::testdata {
namespace {

constexpr size_t kPage = 4096;

template <typename T>
std::span<const std::byte> BytesOf(const T& object) {
  return std::as_bytes(std::span(&object, 1));
}

}  // namespace

ElfBuilder::ElfBuilder() : header_{} {
  std::memcpy(header_.e_ident, ELFMAG, SELFMAG);
  header_.e_ident[EI_CLASS] = ELFCLASS32;
  header_.e_ident[EI_DATA] = ELFDATA2LSB;
  header_.e_ident[EI_VERSION] = EV_CURRENT;
  header_.e_type = ET_EXEC;
  header_.e_machine = EM_386;
  header_.e_version = EV_CURRENT;
  header_.e_ehsize = sizeof(Elf32_Ehdr);
  header_.e_phentsize = sizeof(Elf32_Phdr);
  header_.e_shentsize = sizeof(Elf32_Shdr);
}

ElfBuilder& ElfBuilder::Segment(ElfSegment segment) {
  segments_.push_back(std::move(segment));
  return *this;
}

ElfBuilder& ElfBuilder::Section(ElfSection section) {
  sections_.push_back(std::move(section));
  return *this;
}

Bytes ElfBuilder::Build() const {
  Elf32_Ehdr header = header_;
  if (header.e_phoff == 0) header.e_phoff = sizeof(header);
  if (header.e_phnum == 0) header.e_phnum = static_cast<Elf32_Half>(segments_.size());

  Bytes file(sizeof(header) + segments_.size() * sizeof(Elf32_Phdr));
  for (size_t i = 0; i < segments_.size(); ++i) {
    const ElfSegment& segment = segments_[i];
    if (segment.page_congruent) {
      while (file.size() % kPage != segment.physical_address % kPage) file.push_back({});
    }
    Elf32_Phdr entry = {};
    entry.p_type = segment.type;
    entry.p_offset = segment.file_offset.value_or(static_cast<uint32_t>(file.size()));
    entry.p_vaddr = segment.virtual_address;
    entry.p_paddr = segment.physical_address;
    entry.p_filesz = segment.file_size.value_or(static_cast<uint32_t>(segment.data.size()));
    entry.p_memsz = segment.memory_size.value_or(entry.p_filesz);
    entry.p_flags = segment.flags;
    entry.p_align = kPage;
    Append(file, segment.data);
    Put(file, sizeof(header) + i * sizeof(entry), BytesOf(entry));
  }

  if (!sections_.empty()) {
    Bytes names(1);
    std::vector<Elf32_Shdr> table(1);  // the first one is always empty
    for (const ElfSection& section : sections_) {
      Elf32_Shdr entry = {};
      entry.sh_name = static_cast<uint32_t>(names.size());
      entry.sh_type = SHT_PROGBITS;
      entry.sh_flags = section.flags;
      entry.sh_addr = section.address;
      entry.sh_size = section.size;
      table.push_back(entry);
      Append(names, FromString(section.name));
      names.push_back({});
    }
    Elf32_Shdr strings = {};
    strings.sh_type = SHT_STRTAB;
    strings.sh_offset = static_cast<uint32_t>(file.size());
    strings.sh_size = static_cast<uint32_t>(names.size());
    Append(file, names);
    table.push_back(strings);
    file.resize((file.size() + 3) & ~size_t{3});
    header.e_shoff = static_cast<uint32_t>(file.size());
    header.e_shnum = static_cast<Elf32_Half>(table.size());
    header.e_shstrndx = static_cast<Elf32_Half>(table.size() - 1);
    Append(file, std::as_bytes(std::span(table)));
  }
  Put(file, 0, BytesOf(header));
  return file;
}

ElfBuilder GoodKernel(uint32_t page_offset, uint32_t size) {
  ElfBuilder builder;
  builder.Segment({.virtual_address = page_offset + 0x100000,
                   .physical_address = 0x100000,
                   .data = KernelCode(size, page_offset, 64),
                   .file_offset = {},
                   .file_size = {},
                   .memory_size = 2 * size});
  return builder;
}

ElfBuilder LaterKernel(std::string_view version) {
  // movl $1,%eax; movl $0x1000,%ebx; int $0x1f
  constexpr std::string_view kFirstHypercall("\xb8\x01\0\0\0\xbb\0\x10\0\0\xcd\x1f", 12);
  Bytes data(0x1000);
  Put(data, 0, FromString(kFirstHypercall));
  Put(data, 0x200, FromString("Linux version " + std::string(version) + " (gcc)"));
  ElfBuilder builder;
  builder.Segment({.virtual_address = 0xc0100000,
                   .physical_address = 0x100000,
                   .data = data,
                   .file_offset = {},
                   .file_size = {},
                   .memory_size = {}});
  builder.header().e_entry = 0x100000;
  return builder;
}

}  // namespace lguest::testdata
