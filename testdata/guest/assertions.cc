// Where the checks end up that the C++ library makes in builds without NDEBUG, of an index say.

#include "testdata/guest/hypercall.h"
#include "testdata/guest/text.h"

namespace std {

// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl58-cpp): the library's own name for it.
void __glibcxx_assert_fail(const char* file, int line, const char* /*function*/,
                           const char* condition) noexcept {
  guest::Crash(guest::Text(file, ":", line, ": ", condition).view());
}

}  // namespace std
