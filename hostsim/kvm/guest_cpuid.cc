#include "hostsim/kvm/guest_cpuid.h"

#include <algorithm>
#include <cstdint>

namespace lguest::hostsim {
namespace {

constexpr uint32_t kMaxLeaf = 2;
constexpr uint32_t kExtended = 0x80000000;
constexpr uint32_t kMaxExtendedLeaf = 0x80000006;

constexpr uint32_t kSharedFeatures = 1u << 0 |   // FPU
                                     1u << 4 |   // TSC
                                     1u << 8 |   // CX8
                                     1u << 15 |  // CMOV
                                     1u << 23 |  // MMX
                                     1u << 24;   // FXSR
constexpr uint32_t kSse = 1u << 25 | 1u << 26;
constexpr uint32_t kSse3 = 1u << 0 | 1u << 9;

}  // namespace

std::vector<kvm_cpuid_entry2> FilterCpuid(std::span<const kvm_cpuid_entry2> supported) {
  std::vector<kvm_cpuid_entry2> shown;
  for (kvm_cpuid_entry2 entry : supported) {
    switch (entry.function) {
      case 0:
        entry.eax = std::min(entry.eax, kMaxLeaf);
        break;
      case 1:
        entry.ebx = 0;
        entry.ecx &= kSse3;
        entry.edx &= kSharedFeatures | kSse;
        break;
      case kExtended:
        entry.eax = std::min(entry.eax, kMaxExtendedLeaf);
        break;
      case kExtended + 1:
        entry.ecx = 0;
        entry.edx &= kSharedFeatures;
        break;
      default:
        if (entry.function > kMaxLeaf &&
            (entry.function < kExtended || entry.function > kMaxExtendedLeaf)) {
          continue;
        }
    }
    shown.push_back(entry);
  }
  return shown;
}

}  // namespace lguest::hostsim
