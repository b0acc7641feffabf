// Linked with a program of tests, this makes each test that would wait for ever fail.

#include <unistd.h>

#include <memory>

#include "gtest/gtest.h"

namespace lguest {
namespace {

// Much more than any test takes, on a slow machine too. Sanitizers make tests much slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned kSeconds = 300;
#else
constexpr unsigned kSeconds = 30;
#endif

// SIGALRM ends the program if a test takes too long. The last line of the output names that test.
class DeadlineOfEachTest final : public testing::EmptyTestEventListener {
 public:
  void OnTestStart(const testing::TestInfo& /*test*/) override { alarm(kSeconds); }
  void OnTestEnd(const testing::TestInfo& /*test*/) override { alarm(0); }
};

[[maybe_unused]] const bool kIsListening = [] {
  auto listener = std::make_unique<DeadlineOfEachTest>();
  testing::UnitTest::GetInstance()->listeners().Append(listener.release());  // which owns it
  return true;
}();

}  // namespace
}  // namespace lguest
