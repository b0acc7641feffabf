#include "devices/block/block_spec.h"

#include "gtest/gtest.h"

namespace lguest {
namespace {

TEST(ParseBlockSpec, FileAlone) {
  EXPECT_EQ(ParseBlockSpec("disk.img").value(), (BlockSpec{"disk.img", false}));
  EXPECT_EQ(ParseBlockSpec("/dev/loop0").value(), (BlockSpec{"/dev/loop0", false}));
}

TEST(ParseBlockSpec, ReadOnly) {
  EXPECT_EQ(ParseBlockSpec("disk.img,readonly").value(), (BlockSpec{"disk.img", true}));
}

TEST(ParseBlockSpec, DoubledCommaIsPartOfTheName) {
  EXPECT_EQ(ParseBlockSpec("a,,b").value(), (BlockSpec{"a,b", false}));
  EXPECT_EQ(ParseBlockSpec(",,,readonly").value(), (BlockSpec{",", true}));
  EXPECT_EQ(ParseBlockSpec("a,,readonly").value(), (BlockSpec{"a,readonly", false}));
}

TEST(ParseBlockSpec, RawFormat_F8) {
  EXPECT_EQ(*ParseBlockSpec("a,format=raw"), (BlockSpec{.path = "a", .is_raw = true}));
  EXPECT_EQ(*ParseBlockSpec("a,format=raw,readonly"),
            (BlockSpec{.path = "a", .read_only = true, .is_raw = true}));
  EXPECT_FALSE(ParseBlockSpec("a,format=qcow2").ok());
}

TEST(ParseBlockSpec, LockOff_F18) {
  EXPECT_EQ(*ParseBlockSpec("a,lock=off"), (BlockSpec{.path = "a", .wants_lock = false}));
  EXPECT_FALSE(ParseBlockSpec("a,lock=on").ok());
}

TEST(ParseBlockSpec, NoFile) {
  EXPECT_EQ(ParseBlockSpec("").status().message(), "the file name is empty");
  EXPECT_FALSE(ParseBlockSpec(",readonly").ok());
}

TEST(ParseBlockSpec, UnknownOption) {
  EXPECT_EQ(ParseBlockSpec("a,ro").status().message(),
            "unknown option 'ro': only 'readonly', 'format=raw' and 'lock=off' may follow the file "
            "name (write a comma in the file name twice)");
  EXPECT_FALSE(ParseBlockSpec("a,").ok());
  EXPECT_FALSE(ParseBlockSpec("a,readonly,").ok());
  EXPECT_FALSE(ParseBlockSpec("a,READONLY").ok());
}

}  // namespace
}  // namespace lguest
