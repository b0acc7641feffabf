#include "loader/kernel.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testdata/images/bytes.h"
#include "testdata/images/bzimage_builder.h"
#include "testdata/images/elf_builder.h"
#include "testdata/images/malformed.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Bytes BzImageOf(const Bytes& kernel, uint16_t version, uint64_t pref_address = 0) {
  testdata::BzImage image;
  image.version = version;
  image.payload = testdata::Gzip(kernel);
  image.pref_address = pref_address;
  return Build(image);
}

constexpr uint32_t kRam = 16u << 20;
constexpr uint32_t kPageOffset = 0xc0000000;

class KernelTest : public testing::Test {
 protected:
  absl::StatusOr<LoadedKernel> Load(const Bytes& file, uint32_t ram_size = kRam) {
    memory_ = *GuestMemory::Create(ram_size + kPageSize);
    LoadTarget target;
    target.ram_size = ram_size;
    return LoadKernel(*memory_, {"vmlinux", file}, target);
  }

  uint16_t FirstInstruction(const LoadedKernel& kernel) {
    return *memory_->Read<uint16_t>(
        GuestPhys(kernel.entry.value() - kernel.layout.page_tables.page_offset));
  }

  std::unique_ptr<GuestMemory> memory_;
};

constexpr uint16_t kJumpHere = 0xfeeb;  // the entry of every test kernel

TEST_F(KernelTest, LoadsElf) {
  const auto kernel = Load(testdata::GoodKernel().Build());
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(FirstInstruction(*kernel), kJumpHere);
  EXPECT_THAT(kernel->notes, testing::ElementsAre("Section 0: size 24576 addr 0x100000"));
}

TEST_F(KernelTest, LoadsBareKernelFromBzImage) {
  const Bytes code = testdata::KernelCode(0x8000, kPageOffset, 0x7000);
  const auto kernel = Load(BzImageOf(code, 0x206));
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->layout.page_tables.page_offset, kPageOffset);
  EXPECT_EQ(kernel->entry, GuestVirt(kPageOffset + 0x100000 + 0x7000 + 13));
  EXPECT_EQ(FirstInstruction(*kernel), kJumpHere);
  EXPECT_THAT(kernel->notes, testing::ElementsAre("Unpacked size 32768 addr 0x100000"));
}

TEST_F(KernelTest, LoadsElfFromBzImage) {
  const Bytes elf = testdata::GoodKernel(0x80000000).Build();
  const auto kernel = Load(BzImageOf(elf, 0x20f, 0x1000000));
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->layout.page_tables.page_offset, 0x80000000);
  EXPECT_EQ(FirstInstruction(*kernel), kJumpHere);
}

TEST_F(KernelTest, LoadsGzippedElf_B23) {
  const auto kernel = Load(testdata::Gzip(testdata::GoodKernel().Build()));
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(FirstInstruction(*kernel), kJumpHere);
}

TEST_F(KernelTest, PreferredAddressIsUsed_B26) {
  const Bytes code = testdata::KernelCode(0x8000, kPageOffset, 64);
  const auto kernel = Load(BzImageOf(code, 0x20a, 0x400000));
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->entry, GuestVirt(kPageOffset + 0x400000 + 64 + 13));
}

TEST_F(KernelTest, LoadAddressIsInferredWithoutPreferredAddress_F26) {
  for (const uint32_t address : {0x400000u, 0x800000u, 0xf2000u}) {
    const Bytes code = testdata::KernelCode(0x8000, kPageOffset, 0x7000, address);
    const auto kernel = Load(BzImageOf(code, 0x206));
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    EXPECT_EQ(kernel->layout.page_tables.page_offset, kPageOffset);
    EXPECT_EQ(kernel->entry, GuestVirt(kPageOffset + address + 0x7000 + 13));
    EXPECT_EQ(FirstInstruction(*kernel), kJumpHere);
    Bytes memory(kRam / 2 + 0x8000);
    ASSERT_TRUE(memory_->ReadBytes(GuestPhys(0), memory).ok());
    Bytes expected(memory.size());  // nothing is left where the kernel was unpacked
    testdata::Put(expected, address, code);
    EXPECT_TRUE(memory == expected) << address;
  }
}

TEST_F(KernelTest, KernelAboveTheFirst16MBKeepsItsPageOffset_F26) {
  const Bytes code = testdata::KernelCode(0x8000, kPageOffset, 0x7000, 0x1000000);
  const auto kernel = Load(BzImageOf(code, 0x206), 2 * kRam);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->layout.page_tables.page_offset, kPageOffset);
  EXPECT_EQ(kernel->entry, GuestVirt(kPageOffset + 0x1000000 + 0x7000 + 13));
}

TEST_F(KernelTest, InferredLoadAddressMustBeFree_F26) {
  const auto load = [&](uint32_t address) {
    const Bytes code = testdata::KernelCode(0x8000, kPageOffset, 0x7000, address);
    return Load(BzImageOf(code, 0x206)).status();
  };
  // kRam has four page tables and a directory at its top.
  EXPECT_TRUE(load(kRam - 5 * kPageSize - 0x8000).ok());
  EXPECT_EQ(load(kRam - 4 * kPageSize - 0x8000).message(),
            "vmlinux unpacked (0xff4000 to 0xffc000) does not fit into 16 MB of memory: at least "
            "17 MB are needed");
  EXPECT_THAT(std::string(load(0x1000).message()), HasSubstr("command line"));
}

TEST_F(KernelTest, LoadAddressThatCannotBeToldIsRefused_F26) {
  Bytes code = testdata::KernelCode(0x8000, kPageOffset, 0x7000);
  testdata::Put32(code, 129, 0);
  EXPECT_THAT(std::string(Load(BzImageOf(code, 0x206)).status().message()),
              HasSubstr("cannot infer the load address from the code"));
  // A header that says the address is believed.
  EXPECT_TRUE(Load(BzImageOf(code, 0x20a, 0x100000)).ok());
}

TEST_F(KernelTest, IdentityLinkedKernelIsMappedAtZero_B15_B30) {
  const auto kernel = Load(testdata::GoodKernel(0).Build());
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->layout.page_tables.page_offset, 0u);
  EXPECT_EQ(kernel->layout.page_tables.mapped_pages, kRam / kPageSize);
}

TEST_F(KernelTest, BssMayFillMemoryUpToThePageTables) {
  const uint32_t tables = (kRam / kBytesPerTable + 1) * kPageSize;
  testdata::ElfSegment segment;
  segment.virtual_address = kPageOffset + 0x100000;
  segment.physical_address = 0x100000;
  segment.data = testdata::KernelCode(0x1000, kPageOffset, 64);
  segment.memory_size = kRam - tables - 0x100000;
  EXPECT_TRUE(Load(testdata::ElfBuilder().Segment(segment).Build()).ok());
  ++*segment.memory_size;
  const auto kernel = Load(testdata::ElfBuilder().Segment(segment).Build());
  EXPECT_EQ(kernel.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(kernel.status().message(),
            "vmlinux segment 0 (0x100000 to 0xffb001) and page tables (0xffb000 to 0x1000000) "
            "overlap in 16 MB of memory: at least 17 MB are needed");
}

TEST_F(KernelTest, AdvisedMemorySizeIsEnough) {
  testdata::ElfSegment segment;
  segment.virtual_address = kPageOffset + 0x100000;
  segment.physical_address = 0x100000;
  segment.data = testdata::KernelCode(0x1000, kPageOffset, 64);
  segment.memory_size = 0x10000000;
  const Bytes file = testdata::ElfBuilder().Segment(segment).Build();
  EXPECT_THAT(std::string(Load(file).status().message()),
              EndsWith("does not fit into 16 MB of memory: at least 258 MB are needed"));
  EXPECT_FALSE(Load(file, 257u << 20).ok());
  EXPECT_TRUE(Load(file, 258u << 20).ok());
}

TEST_F(KernelTest, MalformedElfsAreRefused_B10_B11_B12) {
  for (const testdata::MalformedImage& image : testdata::MalformedElfs()) {
    const absl::Status status = Load(image.contents).status();
    EXPECT_THAT(status.code(),
                AnyOf(absl::StatusCode::kInvalidArgument, absl::StatusCode::kOutOfRange))
        << image.name;
    const std::string message(status.message());
    EXPECT_THAT(message, HasSubstr("vmlinux"));
    EXPECT_THAT(message, HasSubstr(image.complaint));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
  }
}

TEST_F(KernelTest, MalformedBzImagesAreRefused_B18_B19_B24_B25) {
  for (const testdata::MalformedImage& image : testdata::MalformedBzImages()) {
    const absl::Status status = Load(image.contents).status();
    EXPECT_THAT(status.code(),
                AnyOf(absl::StatusCode::kInvalidArgument, absl::StatusCode::kOutOfRange))
        << image.name;
    const std::string message(status.message());
    EXPECT_THAT(message, StartsWith("vmlinux"));
    EXPECT_THAT(message, HasSubstr(image.complaint));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
  }
}

}  // namespace
}  // namespace lguest::loader
