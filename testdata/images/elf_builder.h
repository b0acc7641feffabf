// Builds 32-bit ELF files for tests. Any field may be valid or invalid.

#ifndef TESTDATA_IMAGES_ELF_BUILDER_H_
#define TESTDATA_IMAGES_ELF_BUILDER_H_

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "testdata/images/bytes.h"

namespace lguest::testdata {

struct ElfSegment {
  uint32_t type = PT_LOAD;
  uint32_t virtual_address = 0;
  uint32_t physical_address = 0;
  uint32_t flags = PF_R | PF_W | PF_X;
  Bytes data;
  bool page_congruent = true;  // the file offset equals the address modulo the page size

  // Values of header fields that replace the correct ones.
  std::optional<uint32_t> file_offset;
  std::optional<uint32_t> file_size;
  std::optional<uint32_t> memory_size;
};

struct ElfSection {
  std::string name;
  uint32_t address = 0;
  uint32_t size = 0;
  uint32_t flags = SHF_ALLOC | SHF_EXECINSTR;
};

//   Bytes file = ElfBuilder().Segment({.virtual_address = 0xc0100000, …}).Build();
class ElfBuilder {
 public:
  ElfBuilder();

  ElfBuilder& Segment(ElfSegment segment);
  ElfBuilder& Section(ElfSection section);

  // The header as it will be written. Build() fills in e_phoff, e_phnum and the fields of the
  // section table, unless they are set.
  Elf32_Ehdr& header() { return header_; }

  Bytes Build() const;

 private:
  Elf32_Ehdr header_;
  std::vector<ElfSegment> segments_;
  std::vector<ElfSection> sections_;
};

// A small valid kernel: `size` bytes of code at physical 1 MB and virtual 1 MB above `page_offset`,
// followed by `size` bytes of zeros. The magic is 64 bytes into the code, and the entry after it.
ElfBuilder GoodKernel(uint32_t page_offset = 0xc0000000, uint32_t size = 0x3000);

// The same for Linux `version` ("4.13.4"), which starts at physical 1 MB, and whose code contains
// the first hypercall of such a guest.
ElfBuilder LaterKernel(std::string_view version);

}  // namespace lguest::testdata

#endif  // TESTDATA_IMAGES_ELF_BUILDER_H_
