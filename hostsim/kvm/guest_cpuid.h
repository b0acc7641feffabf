// CPUID leaves of a guest on KVM.

#ifndef HOSTSIM_KVM_GUEST_CPUID_H_
#define HOSTSIM_KVM_GUEST_CPUID_H_

#include <linux/kvm.h>

#include <span>
#include <vector>

namespace lguest::hostsim {

// Filters the leaves that KVM supports on this machine (`supported`). The result has only the
// features that a guest kernel at ring 1 can use: the processor's name, FPU, TSC, CX8, CMOV, MMX,
// FXSR, SSE to SSSE3, and the caches. Features that need ring 0 (SEP, PSE, PAE, PGE, MTRR, MSR,
// APIC) and features with more state than FXSAVE saves are hidden.
std::vector<kvm_cpuid_entry2> FilterCpuid(std::span<const kvm_cpuid_entry2> supported);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_GUEST_CPUID_H_
