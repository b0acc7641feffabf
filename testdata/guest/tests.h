// The guest's tests of its host. A test is selected by name and prints one line: PASS, FAIL or
// SKIP.

#ifndef TESTDATA_GUEST_TESTS_H_
#define TESTDATA_GUEST_TESTS_H_

#include <string_view>

#include "testdata/guest/text.h"

namespace guest {

struct TestResult {
  enum class Kind { kPass, kFail, kSkip };
  Kind kind = Kind::kPass;
  Text why;
};

inline TestResult Pass() { return {}; }

template <typename... Pieces>
TestResult Fail(const Pieces&... why) {
  return {.kind = TestResult::Kind::kFail, .why = Text(why...)};
}

template <typename... Pieces>
TestResult Skip(const Pieces&... why) {
  return {.kind = TestResult::Kind::kSkip, .why = Text(why...)};
}

// Runs the tests of a comma-separated list. `all` means all tests that need no other guest. Returns
// true if none failed.
bool RunTests(std::string_view names);

TestResult TestBoot();
TestResult TestInitrd();
TestResult TestDevices();

TestResult TestTraps();
TestResult TestPageFaultReports();
TestResult TestPortAccess();
TestResult TestGdt();
TestResult TestSelfModifyingCode();

TestResult TestPageTables();
TestResult TestReadOnlyPage();
TestResult TestPageDirectories();

TestResult TestTimer();
TestResult TestHalt();
TestResult TestBlockedInterrupts();
TestResult TestInterruptFlag();
TestResult TestNoIrqWindow();
TestResult TestAsyncRing();

TestResult TestSystemCalls();
TestResult TestPreemption();
TestResult TestFpu();
TestResult TestTls();
TestResult TestDemandPaging();
TestResult TestCopyOnWrite();
TestResult TestUserCodePatching();
TestResult TestUserFaults();

TestResult TestStress();

TestResult TestConsoleOutput();
TestResult TestConsoleInput();
TestResult TestDisk();
TestResult TestDiskEnd();
TestResult TestNet();
TestResult TestNetAnswer();

}  // namespace guest

#endif  // TESTDATA_GUEST_TESTS_H_
