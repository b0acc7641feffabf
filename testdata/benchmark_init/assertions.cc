// The failure handler of the C++ library's own checks, for example of an index.

#include <bits/c++config.h>

#include "testdata/benchmark_init/linux.h"

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl58-cpp,readability-identifier-naming): the
// library defines the name.
namespace std {

#ifdef _GLIBCXX_ASSERTIONS
void __glibcxx_assert_fail(const char* /*file*/, int /*line*/, const char* /*function*/,
                           const char* /*condition*/) noexcept {
  for (;;) benchmark_init::Do(benchmark_init::Call::kExit, 1);
}
#endif

}  // namespace std
// NOLINTEND(bugprone-reserved-identifier,cert-dcl58-cpp,readability-identifier-naming)
