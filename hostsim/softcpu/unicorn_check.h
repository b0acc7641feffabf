// Verifies that the linked library is the one that unicorn_internals.h describes.

#ifndef HOSTSIM_SOFTCPU_UNICORN_CHECK_H_
#define HOSTSIM_SOFTCPU_UNICORN_CHECK_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "hostsim/softcpu/unicorn_internals.h"

namespace lguest::hostsim {

inline constexpr uint32_t kScratchPages = 8;

// Runs small known programs and compares the library's structures with the expected values. On
// success `cpu` has its hooks and is ready for use; its registers, control registers and TLB have
// undefined contents. `counted`: it counts instructions from then on.
//
// `scratch` is kScratchPages pages. Their physical addresses in the library start at
// `scratch_frame`.
//
// Fails with FailedPrecondition, "the linked Unicorn library differs from 2.0.1: " and the first
// difference. Each field is read before it is written, and it is written only after all pointers
// and offsets that lead to it are verified.
absl::Status CheckUnicorn(UnicornInternals& cpu, std::byte* scratch, uint64_t scratch_frame,
                          bool counted);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_UNICORN_CHECK_H_
