// Where the C++ library's own checks end up, of an index say.

#include <bits/c++config.h>

#include "testdata/benchmark_init/linux.h"

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl58-cpp,readability-identifier-naming): the
// library's own name for it.
namespace std {

#ifdef _GLIBCXX_ASSERTIONS
void __glibcxx_assert_fail(const char* /*file*/, int /*line*/, const char* /*function*/,
                           const char* /*condition*/) noexcept {
  for (;;) benchmark_init::Do(benchmark_init::Call::kExit, 1);
}
#endif

}  // namespace std
// NOLINTEND(bugprone-reserved-identifier,cert-dcl58-cpp,readability-identifier-naming)
