#include "loader/unpack.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loader/testing/write_log.h"
#include "testdata/images/bytes.h"
#include "testdata/images/bzimage_builder.h"
#include "testdata/images/elf_builder.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using testing::HasSubstr;

constexpr uint32_t kRam = 16u << 20;
constexpr uint32_t kLimit = 15u << 20;

class UnpackTest : public testing::Test {
 protected:
  absl::StatusOr<UnpackedKernel> Unpack(const Bytes& file, uint32_t limit = kLimit) {
    LoadTarget target;
    target.ram_size = kRam;
    return UnpackKernel(*memory_, {"bzImage", file}, target, limit);
  }

  std::string ErrorMessage(const Bytes& file) {
    return std::string(Unpack(file).status().message());
  }

  Bytes Memory(uint32_t address, size_t size) {
    Bytes bytes(size);
    EXPECT_TRUE(memory_->ReadBytes(GuestPhys(address), bytes).ok());
    return bytes;
  }

  const Bytes code_ = testdata::KernelCode(0x8000, 0xc0000000, 64);
  const Bytes packed_ = testdata::Gzip(code_);
  std::unique_ptr<GuestMemory> memory_ = *GuestMemory::Create(kRam);
};

// A gzip member with `size` bytes of output and a wrong checksum.
Bytes Broken(size_t size) {
  Bytes member = testdata::Gzip(testdata::Noise(size, 3), 0);
  member[member.size() - 8] ^= std::byte{1};
  return member;
}

TEST_F(UnpackTest, BareKernelIsLoadedAt1MB) {
  const auto kernel = Unpack(packed_);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->raw.address, GuestPhys(0x100000));
  EXPECT_EQ(kernel->raw.size, code_.size());
  EXPECT_EQ(Memory(0x100000, code_.size()), code_);
}

TEST_F(UnpackTest, MemoryBelowTheLoadAddressIsNamedWithTheWholeKernel) {
  EXPECT_THAT(std::string(Unpack(packed_, 0x1000).status().message()),
              testing::HasSubstr("bzImage unpacked (0x100000 to 0x108000) does not fit"));
}

TEST_F(UnpackTest, PackedBzImageIsNamed) {
  Bytes image = testdata::Noise(0x8000, 4);
  testdata::Put(image, 0x1fe, testdata::FromString("U\xaa"));
  testdata::Put(image, 0x202, testdata::FromString("HdrS"));
  EXPECT_THAT(ErrorMessage(testdata::Gzip(image)),
              testing::HasSubstr("is a bzImage, which is packed itself: gunzip the file first"));
}

TEST_F(UnpackTest, ElfIsUnpackedToABuffer) {
  const Bytes elf = testdata::GoodKernel().Build();
  const auto kernel = Unpack(testdata::Gzip(elf));
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(Bytes(kernel->elf.begin(), kernel->elf.end()), elf);
  EXPECT_EQ(Memory(0, kRam), Bytes(kRam));
}

TEST_F(UnpackTest, HeaderOffsetSkipsFalsePayloads) {
  testdata::BzImage image;
  image.version = 0x208;
  image.code = testdata::Gzip(testdata::FromString("a whole gzip member, but no kernel"));
  image.payload = packed_;
  const auto kernel = Unpack(Build(image));
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->raw.size, code_.size());
}

TEST_F(UnpackTest, HeaderLengthLimitsThePayload_B19) {
  testdata::BzImage image;
  image.version = 0x208;
  image.payload = packed_;
  image.payload_length = static_cast<uint32_t>(packed_.size() - 1);
  EXPECT_THAT(ErrorMessage(Build(image)), HasSubstr("truncated"));
}

TEST_F(UnpackTest, FindsKernelAfterFalseMatch_B21) {
  testdata::BzImage image;
  image.code = testdata::FromString("\x1f\x8b\x08 \x1f\x8b\x08 no payload yet");
  testdata::Append(image.code, Broken(100000));
  image.payload = packed_;
  image.trailer = Broken(1000);
  const auto kernel = Unpack(Build(image));
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  Bytes expected = code_;
  expected.resize(200000);  // no bytes of the false match are left
  EXPECT_EQ(Memory(0x100000, 200000), expected);
}

TEST_F(UnpackTest, PartialMagicBeforeTheKernel_B22) {
  Bytes file = testdata::FromString("\x1f");
  testdata::Append(file, packed_);
  const auto kernel = Unpack(file);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(Memory(0x100000, code_.size()), code_);
}

TEST_F(UnpackTest, KernelMayEndAtTheLimit_B18) {
  const uint32_t end = 0x100000 + 0x8000;
  EXPECT_TRUE(Unpack(packed_, end).ok());
  EXPECT_TRUE(absl::IsOutOfRange(Unpack(packed_, end - 1).status()));
  EXPECT_TRUE(absl::IsOutOfRange(Unpack(packed_, 0x100000).status()));
  EXPECT_TRUE(absl::IsOutOfRange(Unpack(packed_, 0x1000).status()));
}

TEST_F(UnpackTest, ZipBombStaysBelowTheLimit_B18) {
  const Bytes bomb = testdata::Gzip(Bytes(size_t{32} << 20, std::byte{0xee}), 9);
  const auto kernel = Unpack(bomb);
  EXPECT_TRUE(absl::IsOutOfRange(kernel.status()));
  EXPECT_EQ(kernel.status().message(),
            "bzImage unpacked (0x100000 to 0x2100000) does not fit into 16 MB of memory: at "
            "least 34 MB are needed");
  EXPECT_EQ(Memory(kLimit, kRam - kLimit), Bytes(kRam - kLimit));
}

TEST_F(UnpackTest, ErrorOfTheLongestMatchIsReturned_B19) {
  Bytes file = testdata::FromString("\x1f\x8b\x08\x00 some bytes that are no deflate stream");
  testdata::Append(file, Broken(50000));
  EXPECT_THAT(ErrorMessage(file),
              testing::AllOf(HasSubstr("incorrect data check"), HasSubstr("and 50000 of output")));
}

TEST_F(UnpackTest, ErrorOfTheFirstOfEqualMatchesIsReturned) {
  Bytes file = Broken(50000);
  testdata::Append(file, Broken(50000));
  EXPECT_THAT(ErrorMessage(file), HasSubstr("gzip payload at byte 0:"));
}

TEST_F(UnpackTest, PreferredAddressMustNotReachTheCommandLine) {
  testdata::BzImage image;
  image.version = 0x20a;
  image.payload = packed_;
  image.pref_address = 0x1800;
  EXPECT_TRUE(Unpack(Build(image)).ok());
  image.pref_address = 0x17ff;
  EXPECT_THAT(ErrorMessage(Build(image)), HasSubstr("occupy memory below 0x1800"));
}

TEST_F(UnpackTest, KernelIsAnnouncedAsWritten) {
  WriteLog log(*memory_);
  ASSERT_TRUE(Unpack(packed_).ok());
  EXPECT_TRUE(log.Has(GuestPhys(0x100000), static_cast<uint32_t>(code_.size())));
}

TEST_F(UnpackTest, OtherFormatIsNamedAfterFalseGzip_B24) {
  Bytes file = testdata::FromString("\x1f\x8b\x08\x01 no deflate stream");
  testdata::Append(file, testdata::FromString("BZh91AY&SY"));
  EXPECT_THAT(ErrorMessage(file), HasSubstr("compressed with bzip2"));
}

TEST_F(UnpackTest, OtherFormatNamesAllThatIsNeeded) {
  EXPECT_THAT(ErrorMessage(testdata::FromString(std::string("\xfd\x37zXZ\0", 6))),
              testing::AllOf(HasSubstr("compressed with xz"), HasSubstr("CONFIG_KERNEL_GZIP"),
                             HasSubstr("CONFIG_LGUEST_GUEST")));
}

TEST_F(UnpackTest, LargeFileWithoutPayload_B20) {
  const Bytes file(size_t{64} << 20);
  EXPECT_THAT(ErrorMessage(file), HasSubstr("no gzip header in 67108864 bytes"));
}

TEST_F(UnpackTest, SetupHeaderFieldsOutsideTheFile) {
  testdata::BzImage image;
  image.version = 0x208;
  image.payload = packed_;
  image.payload_offset = 0xffffffff;
  EXPECT_THAT(ErrorMessage(Build(image)), HasSubstr("payload_offset and payload_length: the"));
}

}  // namespace
}  // namespace lguest::loader
