#include "hostsim/kvm/guest_cpuid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace lguest::hostsim {
namespace {

// The leaves of a processor that has all features.
std::vector<kvm_cpuid_entry2> Everything() {
  std::vector<kvm_cpuid_entry2> entries;
  for (const uint32_t leaf : {0u, 1u, 2u, 4u, 7u, 0xbu, 0xdu, 0x40000000u, 0x80000000u, 0x80000001u,
                              0x80000006u, 0x8000000au}) {
    kvm_cpuid_entry2 entry = {};
    entry.function = leaf;
    entry.eax = entry.ebx = entry.ecx = entry.edx = 0xffffffff;
    entries.push_back(entry);
  }
  return entries;
}

const kvm_cpuid_entry2* Find(const std::vector<kvm_cpuid_entry2>& entries, uint32_t leaf) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [leaf](const auto& entry) { return entry.function == leaf; });
  return found == entries.end() ? nullptr : &*found;
}

TEST(GuestCpuidTest, UsableFeaturesAreShown) {
  const std::vector<kvm_cpuid_entry2> shown = FilterCpuid(Everything());
  ASSERT_NE(Find(shown, 1), nullptr);
  // FPU TSC CX8 CMOV MMX FXSR SSE SSE2; SSE3 and SSSE3
  EXPECT_EQ(Find(shown, 1)->edx, 0x07808111u);
  EXPECT_EQ(Find(shown, 1)->ecx, 0x201u);
  ASSERT_NE(Find(shown, 0x80000001), nullptr);
  EXPECT_EQ(Find(shown, 0x80000001)->edx, 0x01808111u);  // neither NX nor long mode
  EXPECT_EQ(Find(shown, 0x80000001)->ecx, 0u);
}

TEST(GuestCpuidTest, OtherLeavesAreHidden) {
  const std::vector<kvm_cpuid_entry2> shown = FilterCpuid(Everything());
  for (const uint32_t leaf : {4u, 7u, 0xbu, 0xdu, 0x40000000u, 0x8000000au}) {
    EXPECT_EQ(Find(shown, leaf), nullptr) << leaf;
  }
  EXPECT_EQ(Find(shown, 0)->eax, 2u);
  EXPECT_EQ(Find(shown, 0x80000000)->eax, 0x80000006u);
}

TEST(GuestCpuidTest, MissingFeaturesAreNotAdded) {
  kvm_cpuid_entry2 old = {};
  old.function = 1;
  old.edx = 1;
  EXPECT_EQ(FilterCpuid(std::vector{old})[0].edx, 1u);
}

}  // namespace
}  // namespace lguest::hostsim
