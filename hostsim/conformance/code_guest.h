// A machine under test whose script is code on a CPU.

#ifndef HOSTSIM_CONFORMANCE_CODE_GUEST_H_
#define HOSTSIM_CONFORMANCE_CODE_GUEST_H_

#include <memory>

#include "absl/status/statusor.h"
#include "hostsim/conformance/conformance.h"
#include "hostsim/script.h"

namespace lguest::hostsim {

// The software host, with the 2.6.23 kernel's quirks, on the CPU that the program is linked with.
absl::StatusOr<std::unique_ptr<ConformanceMachine>> MakeCodeGuest(const Script& script);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_CONFORMANCE_CODE_GUEST_H_
