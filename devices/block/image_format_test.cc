#include "devices/block/image_format.h"

#include <gtest/gtest.h>

#include <span>
#include <string>

namespace lguest {
namespace {

std::string NameOf(const std::string& bytes) {
  const char* const name = ImageFormatName(std::as_bytes(std::span(bytes)));
  return name == nullptr ? "raw" : name;
}

TEST(ImageFormatTest, KnownFormats_F8) {
  EXPECT_EQ(NameOf("QFI\xfb" + std::string(100, '\0')), "qcow");
  EXPECT_EQ(NameOf("KDMV" + std::string(100, '\0')), "VMDK");
  EXPECT_EQ(NameOf("# Disk DescriptorFile\nversion=1\n"), "VMDK");
  EXPECT_EQ(NameOf("vhdxfile" + std::string(100, '\0')), "VHDX");
  EXPECT_EQ(NameOf("conectix" + std::string(100, '\0')), "VHD");
  EXPECT_EQ(NameOf(std::string(0x40, 'x') + "\x7f\x10\xda\xbe"), "VDI");
}

TEST(ImageFormatTest, AnythingElseIsRaw) {
  EXPECT_EQ(NameOf(""), "raw");
  EXPECT_EQ(NameOf("QFI"), "raw");
  EXPECT_EQ(NameOf(" QFI\xfb"), "raw");
  const std::string cut = "QFI\xfb";
  EXPECT_EQ(ImageFormatName(std::as_bytes(std::span(cut).first(3))), nullptr);
  EXPECT_EQ(NameOf(std::string(512, '\0')), "raw");
}

}  // namespace
}  // namespace lguest
