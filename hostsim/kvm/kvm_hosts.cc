// The software host with the 2.6.23 kernel's quirks, with a guest whose code runs on KVM.

#include <vector>

#include "hostsim/conformance/code_guest.h"
#include "hostsim/conformance/conformance.h"

namespace lguest::hostsim {

const std::vector<HostUnderTest>& HostsUnderTest() {
  static const auto* const kHosts = new std::vector<HostUnderTest>{{"Kvm", MakeCodeGuest}};
  return *kHosts;
}

}  // namespace lguest::hostsim
