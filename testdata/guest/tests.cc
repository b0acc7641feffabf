#include "testdata/guest/tests.h"

#include "testdata/guest/boot.h"
#include "testdata/guest/console.h"

namespace guest {
namespace {

struct Test {
  std::string_view name;
  TestResult (*run)();
  bool in_all = true;
};

constexpr Test kTests[] = {
    {.name = "boot", .run = TestBoot},
    {.name = "initrd", .run = TestInitrd},
    {.name = "devices", .run = TestDevices},
    {.name = "traps", .run = TestTraps},
    {.name = "page-faults", .run = TestPageFaultReports},
    {.name = "ports", .run = TestPortAccess},
    {.name = "gdt", .run = TestGdt},
    {.name = "self-modifying", .run = TestSelfModifyingCode},
    {.name = "page-tables", .run = TestPageTables},
    {.name = "read-only", .run = TestReadOnlyPage},
    {.name = "page-directories", .run = TestPageDirectories},
    {.name = "timer", .run = TestTimer},
    {.name = "halt", .run = TestHalt},
    {.name = "blocked", .run = TestBlockedInterrupts},
    {.name = "irq-flag", .run = TestInterruptFlag},
    {.name = "noirq", .run = TestNoIrqWindow},
    {.name = "ring", .run = TestAsyncRing},
    {.name = "syscalls", .run = TestSystemCalls},
    {.name = "preempt", .run = TestPreemption},
    {.name = "fpu", .run = TestFpu},
    {.name = "tls", .run = TestTls},
    {.name = "demand", .run = TestDemandPaging},
    {.name = "cow", .run = TestCopyOnWrite},
    {.name = "user-patch", .run = TestUserCodePatching},
    {.name = "user-faults", .run = TestUserFaults},
    {.name = "stress", .run = TestStress},
    {.name = "console-out", .run = TestConsoleOutput},
    {.name = "console-in", .run = TestConsoleInput},
    {.name = "disk", .run = TestDisk},
    {.name = "disk-end", .run = TestDiskEnd},
    {.name = "net", .run = TestNet},
    {.name = "net-answer", .run = TestNetAnswer, .in_all = false},
};

class Tally {
 public:
  void Run(const Test& test) {
    const TestResult result = test.run();
    switch (result.kind) {
      case TestResult::Kind::kPass:
        ++passed_;
        Print("PASS ", test.name, "\r\n");
        break;
      case TestResult::Kind::kFail:
        ++failed_;
        Print("FAIL ", test.name, " ", result.why, "\r\n");
        break;
      case TestResult::Kind::kSkip:
        ++skipped_;
        Print("SKIP ", test.name, " ", result.why, "\r\n");
        break;
    }
  }

  void NoSuchTest(std::string_view name) {
    ++failed_;
    Print("FAIL ", name, " no such test\r\n");
  }

  bool Report() const {
    Print("TESTS ", passed_, " passed, ", failed_, " failed, ", skipped_, " skipped\r\n");
    return failed_ == 0;
  }

 private:
  uint32_t passed_ = 0;
  uint32_t failed_ = 0;
  uint32_t skipped_ = 0;
};

const Test* FindTest(std::string_view name) {
  for (const Test& test : kTests) {
    if (test.name == name) return &test;
  }
  return nullptr;
}

}  // namespace

bool RunTests(std::string_view names) {
  Tally tally;
  while (true) {
    const std::string_view name = NextWord(names, ',');
    if (name.empty()) return tally.Report();
    if (name == "all") {
      for (const Test& test : kTests) {
        if (test.in_all) tally.Run(test);
      }
    } else if (const Test* test = FindTest(name)) {
      tally.Run(*test);
    } else {
      tally.NoSuchTest(name);
    }
  }
}

}  // namespace guest
