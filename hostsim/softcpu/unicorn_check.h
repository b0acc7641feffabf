// Makes sure that the library that is linked in is the one that unicorn_internals.h describes.

#ifndef HOSTSIM_SOFTCPU_UNICORN_CHECK_H_
#define HOSTSIM_SOFTCPU_UNICORN_CHECK_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "hostsim/softcpu/unicorn_internals.h"

namespace lguest::hostsim {

inline constexpr uint32_t kScratchPages = 8;

// Runs small pieces of known code, and compares what they leave in the library's structures with
// what they must. On success `cpu` has its hooks and is ready to be used; its registers, control
// registers and TLB are left in disorder.
//
// `scratch`: kScratchPages pages, which the library knows as physical addresses from
// `scratch_frame`.
//
// Fails with FailedPrecondition, "the linked Unicorn library differs from 2.0.1: " and the first
// difference. Each field is read before the first write to it, and written only once all that leads
// to it has been verified.
absl::Status CheckUnicorn(UnicornInternals& cpu, std::byte* scratch, uint64_t scratch_frame);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_UNICORN_CHECK_H_
