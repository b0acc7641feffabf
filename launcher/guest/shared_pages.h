// Pages that are shared through files, and what happens when such a file is truncated.

#ifndef LAUNCHER_GUEST_SHARED_PAGES_H_
#define LAUNCHER_GUEST_SHARED_PAGES_H_

#include <cstddef>

#include "absl/status/status.h"

namespace lguest {

// Any process that may write to a shared file may truncate it. The next access to its page then
// raises SIGBUS, in translated code of the guest as well as in the launcher. While a page is
// registered here, the handler of SIGBUS puts a private page of zeroes in its place, says so on
// standard error, and the access is repeated. Any other SIGBUS ends the process as usual.
class SharedPages {
 public:
  // The most pages that a process can register.
  static constexpr size_t kMost = 16;

  // Registers a mapped page. ResourceExhausted if there are too many.
  static absl::Status Add(std::byte* page);
  static void Remove(std::byte* page);

  // True if the page has been replaced.
  static bool IsLost(const std::byte* page);

  // Reads each registered page, so that a lost one is replaced: for a fault that did not come as a
  // signal. Returns true if one was.
  static bool Repair();
};

}  // namespace lguest

#endif  // LAUNCHER_GUEST_SHARED_PAGES_H_
