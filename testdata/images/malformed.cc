#include "testdata/images/malformed.h"

#include <elf.h>

#include <functional>
#include <utility>

#include "testdata/images/bzimage_builder.h"
#include "testdata/images/elf_builder.h"

namespace lguest::testdata {
namespace {

constexpr uint32_t kPageOffset = 0xc0000000;

Bytes WithHeader(const std::function<void(Elf32_Ehdr&)>& change) {
  ElfBuilder builder = GoodKernel();
  change(builder.header());
  return builder.Build();
}

Bytes WithSegment(const std::function<void(ElfSegment&)>& change) {
  ElfSegment segment;
  segment.virtual_address = kPageOffset + 0x100000;
  segment.physical_address = 0x100000;
  segment.data = KernelCode(0x1000, kPageOffset, 64);
  change(segment);
  return ElfBuilder().Segment(std::move(segment)).Build();
}

Bytes TwoOffsets() {
  ElfSegment other;
  other.virtual_address = 0xd0200000;
  other.physical_address = 0x200000;
  other.data = Bytes(16);
  return GoodKernel().Segment(std::move(other)).Build();
}

Bytes Overlapping() {
  ElfSegment other;
  other.virtual_address = kPageOffset + 0x101000;
  other.physical_address = 0x101000;
  other.data = Bytes(16);
  return GoodKernel().Segment(std::move(other)).Build();
}

Bytes Cut(Bytes bytes, size_t size) {
  bytes.resize(size);
  return bytes;
}

Bytes Flipped(Bytes bytes, size_t from_end) {
  bytes[bytes.size() - from_end] ^= std::byte{1};
  return bytes;
}

Bytes Kernel() { return KernelCode(0x8000, kPageOffset, 64); }

Bytes WithoutMagic() {
  Bytes kernel = Kernel();
  Put8(kernel, 64, 'g');
  return kernel;
}

Bytes Packed(Bytes payload) {
  BzImage image;
  image.payload = std::move(payload);
  return Build(image);
}

Bytes WithPayloadField(const std::function<void(BzImage&)>& change) {
  BzImage image;
  image.version = 0x208;
  image.payload = Gzip(Kernel());
  change(image);
  return Build(image);
}

}  // namespace

std::vector<MalformedImage> MalformedElfs() {
  return {
      {"elf64", WithHeader([](Elf32_Ehdr& h) { h.e_ident[EI_CLASS] = ELFCLASS64; }),
       "ELF class 2 (64-bit)"},
      {"elf_big_endian", WithHeader([](Elf32_Ehdr& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }),
       "ELF data encoding 2 (big-endian)"},
      {"elf_relocatable", WithHeader([](Elf32_Ehdr& h) { h.e_type = ET_REL; }),
       "ELF type 1 (relocatable): an executable (2)"},
      {"elf_shared", WithHeader([](Elf32_Ehdr& h) { h.e_type = ET_DYN; }),
       "ELF type 3 (shared object): an executable (2)"},
      {"elf_x86_64", WithHeader([](Elf32_Ehdr& h) { h.e_machine = EM_X86_64; }),
       "ELF machine 62: an i386 kernel (3)"},
      {"elf_header_size", WithHeader([](Elf32_Ehdr& h) { h.e_phentsize = 56; }),
       "program header size 56: 32"},
      {"elf_many_headers", WithHeader([](Elf32_Ehdr& h) { h.e_phnum = 0xfffe; }),
       "65534 ELF program headers: 1 to 2048"},
      {"elf_headers_at_end", WithHeader([](Elf32_Ehdr& h) { h.e_phoff = 0x7fffffff; }),
       "program headers end at byte 2147483679, but the file has 16384"},
      {"elf_only_header", Cut(GoodKernel().Build(), sizeof(Elf32_Ehdr)),
       "program headers end at byte 84, but the file has 52"},
      {"elf_51_bytes", Cut(GoodKernel().Build(), 51), "ELF file of 51 bytes"},
      {"elf_no_segments", WithSegment([](ElfSegment& s) { s.type = PT_NOTE; }),
       "no loadable segment"},
      {"elf_two_offsets", TwoOffsets(),
       "segment 1: virtual minus physical address is 0xd0000000, but 0xc0000000 in segment 0"},
      {"elf_file_larger", WithSegment([](ElfSegment& s) { s.memory_size = 0xfff; }),
       "segment 0: p_filesz 0x1000 is more than p_memsz 0xfff"},
      {"elf_data_missing", WithSegment([](ElfSegment& s) { s.file_offset = 0x1800; }),
       "segment 0: its data ends at byte 10240, but the file has 8192"},
      {"elf_wraps", WithSegment([](ElfSegment& s) {
         s.physical_address = 0xfffff000;
         s.virtual_address = 0xbffff000;
         s.memory_size = 0x2000;
       }),
       "segment 0: p_paddr 0xfffff000 + p_memsz 0x2000 is beyond 4 GB"},
      {"elf_beyond_memory", WithSegment([](ElfSegment& s) { s.memory_size = 0x10000000; }),
       "segment 0 (0x100000 to 0x10100000) does not fit into 16 MB of memory: at least 258 MB"},
      {"elf_overlapping", Overlapping(), "segment 0 (0x100000 to 0x106000) and "},
      {"elf_on_boot_params", WithSegment([](ElfSegment& s) {
         s.physical_address = 0;
         s.virtual_address = kPageOffset;
       }),
       "boot parameters (0x0 to 0x1000) and vmlinux segment 0 (0x0 to 0x1000) overlap"},
      {"elf_odd_page_offset", WithSegment([](ElfSegment& s) { s.virtual_address += 0x1000; }),
       "page offset 0xc0001000: a multiple of 0x400000"},
      {"elf_host_area", WithSegment([](ElfSegment& s) { s.virtual_address = 0xffd00000; }),
       "page offset 0xffc00000: addresses from 0xffc00000 on"},
      {"elf_no_magic", WithSegment([](ElfSegment& s) { s.data = Bytes(0x1000); }),
       "no GenuineLguest entry"},
  };
}

std::vector<MalformedImage> MalformedBzImages() {
  const Bytes packed = Gzip(Kernel());
  return {
      {"text", FromString("#!/bin/sh\necho this is no kernel, but it is long enough for one\n"),
       "neither an ELF executable nor a bzImage: no gzip header in 64 bytes"},
      {"bytes_51", Bytes(51), "no gzip header in 51 bytes"},
      {"one_byte", Bytes(1), "no gzip header in 1 bytes"},
      {"gzip_truncated", Packed(Cut(packed, packed.size() / 2)), "truncated after"},
      {"gzip_no_trailer", Packed(Cut(packed, packed.size() - 1)), "truncated after"},
      {"gzip_bad_crc", Packed(Flipped(packed, 8)), "incorrect data check"},
      {"gzip_bad_length", Packed(Flipped(packed, 4)), "incorrect length check"},
      {"gzip_empty", Gzip({}), "unpacks to 0 bytes: not a kernel"},
      {"zip_bomb", Gzip(Bytes(size_t{64} << 20), 9),
       "unpacked (0x100000 to 0x4100000) does not fit into 16 MB of memory: at least 66 MB"},
      {"elf_cut_in_gzip", Gzip(Cut(GoodKernel().Build(), 100)), "its data ends at byte"},
      {"no_page_offset", Packed(Gzip(FromString("GenuineLguest but no code that could tell"))),
       "cannot infer the page offset"},
      {"no_entry", Packed(Gzip(WithoutMagic())), "no GenuineLguest entry"},
      {"payload_beyond_file",
       WithPayloadField([](BzImage& image) { image.payload_length = 0x10000000; }),
       "payload_length: the payload ends at byte 268438016, but the file has"},
      {"payload_elsewhere", WithPayloadField([](BzImage& image) {
         image.code = Bytes(64);
         image.payload_offset = 32;
       }),
       "payload_offset: no gzip header at byte 2592"},
      {"payload_xz", WithPayloadField([](BzImage& image) {
         image.payload = FromString(std::string_view("\xfd\x37zXZ\0 and so on", 16));
       }),
       "payload at byte 2560 is compressed with xz"},
      {"pref_address_low", WithPayloadField([](BzImage& image) {
         image.version = 0x20a;
         image.pref_address = 0x1000;
       }),
       "pref_address 0x1000: boot parameters"},
      {"pref_address_high", WithPayloadField([](BzImage& image) {
         image.version = 0x20a;
         image.pref_address = uint64_t{1} << 32;
       }),
       "pref_address 0x100000000 is beyond 4 GB"},
  };
}

}  // namespace lguest::testdata
