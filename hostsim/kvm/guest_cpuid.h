// What CPUID tells a guest on KVM.

#ifndef HOSTSIM_KVM_GUEST_CPUID_H_
#define HOSTSIM_KVM_GUEST_CPUID_H_

#include <linux/kvm.h>

#include <span>
#include <vector>

namespace lguest::hostsim {

// Of what KVM can show of this machine (`supported`), only what a guest at ring 1 can use: the name
// of the processor, FPU, TSC, CX8, CMOV, MMX, FXSR and SSE to SSSE3, and its caches. Not what it
// would have to be in ring 0 for (SEP, PSE, PAE, PGE, MTRR, MSR, APIC), and nothing that needs more
// state than FXSAVE saves.
std::vector<kvm_cpuid_entry2> FilterCpuid(std::span<const kvm_cpuid_entry2> supported);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_GUEST_CPUID_H_
