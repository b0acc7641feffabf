// The failure handlers of the C++ library's own checks, for example of an index.

#include <bits/functexcept.h>

#include "testdata/guest/text.h"
#include "testdata/virtio_guest/host.h"

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl58-cpp,readability-identifier-naming): the
// library defines the names.
namespace std {

#ifdef _GLIBCXX_ASSERTIONS
void __glibcxx_assert_fail(const char* file, int line, const char* /*function*/,
                           const char* condition) noexcept {
  guest::Crash(guest::Text(file, ":", line, ": ", condition).View());
}
#endif

void __throw_out_of_range_fmt(const char* what, ...) { guest::Crash(what); }

}  // namespace std
// NOLINTEND(bugprone-reserved-identifier,cert-dcl58-cpp,readability-identifier-naming)
