// A script as machine code, for a guest on a real processor.

#ifndef HOSTSIM_TESTING_SCRIPT_CODE_H_
#define HOSTSIM_TESTING_SCRIPT_CODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hostsim/testing/script.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest::hostsim {

// Memory that LoadScriptCode() needs, at least. From kScriptCodeStart on it is taken but for the
// last two pages and what lies above; below, only what Script::Init() uses, and the second half of
// the page of Script::kScratch.
inline constexpr uint32_t kScriptMemorySize = 64 * kPageSize;
inline constexpr uint32_t kScriptCodeStart = 0x10000;

// Puts a guest into `memory` (up to 4 MB, all of which it maps) that does what ScriptedVcpu does
// with the same script: i386 code, interrupt handlers and page tables. InvalidArgument for what
// only a scripted CPU can do: to set a register that code needs for itself, a trap other than hlt
// (13), ud2 (6) or an access to an unmapped page (14), a Put() beyond memory.
absl::StatusOr<BootState> LoadScriptCode(const Script& script, GuestMemory& memory);

// One line for each expectation that such a guest has found not to be met, but only for the first
// of them which.
std::vector<std::string> ScriptCodeFailures(const Script& script, const GuestMemory& memory);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_SCRIPT_CODE_H_
