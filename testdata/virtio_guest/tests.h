// The guest's tests of its host, and the ways to make the host kill it.

#ifndef TESTDATA_VIRTIO_GUEST_TESTS_H_
#define TESTDATA_VIRTIO_GUEST_TESTS_H_

#include <cstdint>
#include <string_view>

#include "testdata/guest/text.h"

namespace guest {

void Print(std::string_view text);

// Runs all tests that need no partner, or the one with this name, and prints a line for each: PASS,
// SKIP or FAIL. Returns whether none failed.
bool RunTests(std::string_view name, uint32_t ram);

// Breaks the rule with this name. Returns if the host did not kill the guest.
void BreakRule(std::string_view rule);

}  // namespace guest

#endif  // TESTDATA_VIRTIO_GUEST_TESTS_H_
