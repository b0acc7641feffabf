#include "hostsim/softcpu/instruction_filter.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lguest::hostsim {
namespace {

// Fails the test if the filter reads beyond the end of `code`.
bool Hides(const std::vector<uint8_t>& code) {
  return IsHiddenFromUnicorn([&](int n) { return code.at(static_cast<size_t>(n)); });
}

TEST(InstructionFilterTest, OpcodeOfCommonInstructionsIsEnough) {
  EXPECT_FALSE(Hides({0x90}));
  EXPECT_FALSE(Hides({0x66, 0x90}));
  EXPECT_FALSE(Hides({0xf3, 0xa4}));
  EXPECT_FALSE(Hides({0x0f}));
}

TEST(InstructionFilterTest, ConditionalLoopsAreHidden) {
  EXPECT_TRUE(Hides({0xe0, 0x00}));
  EXPECT_TRUE(Hides({0x67, 0xe1, 0x00}));
  EXPECT_FALSE(Hides({0xe2}));  // loop
}

TEST(InstructionFilterTest, RegisterFarCallsAndJumpsAreHidden) {
  for (uint8_t rm = 0; rm < 8; ++rm) {
    EXPECT_TRUE(Hides({0xff, static_cast<uint8_t>(0xd8 | rm)}));  // lcall
    EXPECT_TRUE(Hides({0xff, static_cast<uint8_t>(0xe8 | rm)}));  // ljmp
    EXPECT_FALSE(Hides({0xff, static_cast<uint8_t>(0x18 | rm)}));
    EXPECT_FALSE(Hides({0xff, static_cast<uint8_t>(0xd0 | rm)}));  // call *%reg
    EXPECT_FALSE(Hides({0xff, static_cast<uint8_t>(0xe0 | rm)}));  // jmp *%reg
  }
  EXPECT_TRUE(Hides({0x2e, 0x66, 0xff, 0xdb}));
}

bool ModifiesMemory(const std::vector<uint8_t>& code) {
  return IsReadModifyWrite([&](int n) { return code.at(static_cast<size_t>(n)); });
}

TEST(InstructionFilterTest, ReadModifyWriteIsFound) {
  EXPECT_TRUE(ModifiesMemory({0x01, 0x03}));              // add %eax,(%ebx)
  EXPECT_TRUE(ModifiesMemory({0x66, 0xd3, 0x23}));        // shlw %cl,(%ebx)
  EXPECT_TRUE(ModifiesMemory({0x0f, 0xac, 0x03, 0x01}));  // shrd $1,%eax,(%ebx)
  EXPECT_TRUE(ModifiesMemory({0xff, 0x03}));              // incl (%ebx)
  EXPECT_TRUE(ModifiesMemory({0xf0, 0x0f, 0xb1, 0x13}));  // lock cmpxchg %edx,(%ebx)
  EXPECT_FALSE(ModifiesMemory({0x03, 0x03}));             // add (%ebx),%eax
  EXPECT_FALSE(ModifiesMemory({0x83, 0x3b, 0x00}));       // cmpl $0,(%ebx)
  EXPECT_FALSE(ModifiesMemory({0xf7, 0x23}));             // mull (%ebx)
  EXPECT_FALSE(ModifiesMemory({0xff, 0x33}));             // push (%ebx)
  EXPECT_FALSE(ModifiesMemory({0xa4}));                   // movsb
  EXPECT_FALSE(ModifiesMemory({0x0f, 0xa3, 0x03}));       // bt %eax,(%ebx)
}

TEST(InstructionFilterTest, ValidLockPrefixesAreNotHidden) {
  EXPECT_FALSE(Hides({0xf0, 0x01, 0x03}));              // add %eax,(%ebx)
  EXPECT_FALSE(Hides({0xf0, 0x83, 0x04, 0x24, 0x00}));  // addl $0,(%esp)
  EXPECT_FALSE(Hides({0xf0, 0xff, 0x03}));              // incl (%ebx)
  EXPECT_FALSE(Hides({0xf0, 0xf7, 0x13}));              // notl (%ebx)
  EXPECT_FALSE(Hides({0xf0, 0x87, 0x03}));              // xchg %eax,(%ebx)
  EXPECT_FALSE(Hides({0xf0, 0x0f, 0xb1, 0x13}));        // cmpxchg %edx,(%ebx)
  EXPECT_FALSE(Hides({0xf0, 0x0f, 0xc1, 0x03}));        // xadd %eax,(%ebx)
  EXPECT_FALSE(Hides({0xf0, 0x0f, 0xc7, 0x0b}));        // cmpxchg8b (%ebx)
  EXPECT_FALSE(Hides({0xf0, 0x0f, 0xba, 0x2b, 0x01}));  // btsl $1,(%ebx)
  EXPECT_FALSE(Hides({0x66, 0xf0, 0x0f, 0xab, 0x03}));  // bts %ax,(%ebx)
}

TEST(InstructionFilterTest, InvalidLockPrefixesAreHidden) {
  EXPECT_TRUE(Hides({0xf0, 0x90}));                    // nop
  EXPECT_TRUE(Hides({0xf0, 0xa6}));                    // cmpsb
  EXPECT_TRUE(Hides({0xf0, 0x39}));                    // cmp
  EXPECT_TRUE(Hides({0xf0, 0x03}));                    // add (%ebx),%eax
  EXPECT_TRUE(Hides({0xf0, 0x01, 0xc3}));              // add %eax,%ebx
  EXPECT_TRUE(Hides({0xf0, 0x83, 0x3b, 0x00}));        // cmpl $0,(%ebx)
  EXPECT_TRUE(Hides({0xf0, 0xff, 0x13}));              // call *(%ebx)
  EXPECT_TRUE(Hides({0xf0, 0x0f, 0xba, 0x23, 0x01}));  // btl $1,(%ebx)
  EXPECT_TRUE(Hides({0xf0, 0x0f, 0xa3}));              // bt %eax,(%ebx)
  EXPECT_TRUE(Hides({0x66, 0xf0, 0x0f, 0x0b}));        // ud2
}

TEST(InstructionFilterTest, TooManyPrefixesAreNotHidden) {
  EXPECT_FALSE(Hides(std::vector<uint8_t>(15, 0xf0)));
}

}  // namespace
}  // namespace lguest::hostsim
