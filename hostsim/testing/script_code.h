// Compiles a script to machine code, for a guest on a real CPU.

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

// The minimum size of memory for LoadScriptCode(). The code uses everything from kScriptCodeStart
// on, except the last two pages and memory above them. Below, it uses only the memory of
// Script::Init() and the second half of the page of Script::kScratch.
inline constexpr uint32_t kScriptMemorySize = 64 * kPageSize;
inline constexpr uint32_t kScriptCodeStart = 0x10000;

// Puts a guest into `memory` that does the same as ScriptedVcpu with this script: i386 code,
// interrupt handlers and page tables. It maps all of `memory`, which may have up to 4 MB. Returns
// InvalidArgument for actions that only a scripted CPU supports: setting a register that the code
// needs, a trap other than hlt (13), ud2 (6) or an access to an unmapped page (14), and a Put()
// beyond memory.
absl::StatusOr<BootState> LoadScriptCode(const Script& script, GuestMemory& memory);

// Returns one line for each expectation of such a guest that failed. Only the first line names the
// action.
std::vector<std::string> ScriptCodeFailures(const Script& script, const GuestMemory& memory);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_SCRIPT_CODE_H_
