// What counting instructions adds to the wraps of unicorn_wraps.cc. Without a counter these do
// nothing.

#ifndef HOSTSIM_SOFTCPU_UNICORN_COUNT_WRAPS_H_
#define HOSTSIM_SOFTCPU_UNICORN_COUNT_WRAPS_H_

#include <cstdint>

namespace lguest::hostsim {

// Called before the library emits the exit of a block that may not run. Emits the code that says
// how many instructions the block has. `tcg` is a TCGContext*.
void EmitRefusal(void* tcg);

// Adds the index of the current instruction in its block to the word that the library stores for
// the instruction.
uint64_t AddIndex(uint64_t cc_operation);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_UNICORN_COUNT_WRAPS_H_
