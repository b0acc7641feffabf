#include "hostsim/softcpu/cpuid.h"

#include <cstring>

namespace lguest::hostsim {
namespace {

constexpr uint32_t kMaxLeaf = 1;
constexpr uint32_t kMaxExtendedLeaf = 0x80000004;
constexpr uint32_t kBrandLeaf = 0x80000002;

constexpr uint32_t kFamilyModelStepping = 0x673;
constexpr uint32_t kFeatures = 1u << 0 |   // FPU
                               1u << 4 |   // TSC
                               1u << 6 |   // PAE
                               1u << 8 |   // CX8
                               1u << 15 |  // CMOV
                               1u << 23 |  // MMX
                               1u << 24 |  // FXSR
                               1u << 25;   // SSE

// 48 bytes: 16 for each of the three leaves.
constexpr char kBrand[49] = "lguest software CPU";

CpuidResult FromText(const char* text) {
  CpuidResult result;
  static_assert(sizeof(result) == 16);
  std::memcpy(&result, text, sizeof(result));
  return result;
}

}  // namespace

CpuidResult PentiumThreeCpuid(uint32_t leaf) {
  switch (leaf) {
    case 0: {
      // The vendor string is in ebx, edx, ecx, in this order.
      const CpuidResult name = FromText("GenuineIntel\0\0\0");
      return {.eax = kMaxLeaf, .ebx = name.eax, .ecx = name.ecx, .edx = name.ebx};
    }
    case 1:
      return {.eax = kFamilyModelStepping, .ebx = 0, .ecx = 0, .edx = kFeatures};
    case 0x80000000:
      return {.eax = kMaxExtendedLeaf, .ebx = 0, .ecx = 0, .edx = 0};
    case kBrandLeaf:
    case kBrandLeaf + 1:
    case kBrandLeaf + 2:
      return FromText(kBrand + 16 * (leaf - kBrandLeaf));
    default:
      return {};
  }
}

}  // namespace lguest::hostsim
