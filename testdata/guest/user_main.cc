#include "testdata/guest/text.h"
#include "testdata/guest/user.h"

extern "C" uint32_t UserMain(guest::Program program, uint32_t argument);

namespace guest {

uint32_t Hello() {
  Write("Hello from ring 3.\r\n");
  const Text line("I am process ", CallKernel(SystemCall::kGetPid),
                  ", and a system call printed this line.\r\n");
  Write(line.View());
  return 0;
}

uint32_t CountLines(char letter, uint32_t lines) {
  for (uint32_t i = 1; i <= lines; ++i) {
    const Text line("process ", letter, ": ", i, "\r\n");
    Write(line.View());
    CallKernel(SystemCall::kSleep, 50);
  }
  return 0;
}

}  // namespace guest

uint32_t UserMain(guest::Program program, uint32_t argument) {
  using guest::Program;
  switch (program) {
    case Program::kHello:
      return guest::Hello();
    case Program::kSystemCalls:
      return guest::TrySystemCalls();
    case Program::kMath:
      return guest::ComputeWithFpu(argument);
    case Program::kTls:
      return guest::UseTls(argument);
    case Program::kSpin:
      return guest::Spin();
    case Program::kSleeper:
      return guest::SleepAndExit();
    case Program::kDemandPages:
      return guest::TouchFreshMemory();
    case Program::kCopyOnWrite:
      return guest::ForkAndWrite();
    case Program::kPatchItself:
      return guest::PatchItself();
    case Program::kStress:
      return guest::Stress(argument);
    case Program::kFault:
      return guest::CauseFault(static_cast<guest::UserFault>(argument));
    case Program::kCounter:
      return guest::CountLines(static_cast<char>(argument >> 8), argument & 0xff);
  }
  return guest::kSystemCallError;
}
