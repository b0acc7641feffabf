// The project's own guest: a small kernel for the lguest interface. It tests hosts and serves as an
// example.

#include <algorithm>

#include "testdata/guest/block.h"
#include "testdata/guest/boot.h"
#include "testdata/guest/console.h"
#include "testdata/guest/deaths.h"
#include "testdata/guest/devices.h"
#include "testdata/guest/fpu.h"
#include "testdata/guest/gdt.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/load.h"
#include "testdata/guest/net.h"
#include "testdata/guest/paging.h"
#include "testdata/guest/process.h"
#include "testdata/guest/shell.h"
#include "testdata/guest/syscalls.h"
#include "testdata/guest/tests.h"
#include "testdata/guest/timer.h"

extern "C" [[noreturn]] void KernelMain(uint32_t boot_parameters);

namespace guest {
namespace {

void InitKernel(uint32_t boot_parameters) {
  ReadBootInfo(boot_parameters);
  if (Option("die") == "before-init") CallHost(Hypercall::kFlushAsync);
  InitLguestData();
  InitPaging();
  MapDevices();
  InitGdt();
  InitInterrupts();
  InitTimer();
  InitFpu();
  InitProcesses();
  InitSystemCalls();
  InitConsoleInput();
  InitDisks();
  InitNet();
  EnableInterrupts();
}

// Executes the requests of the command line.
void Run() {
  if (const auto text = RestOfLineOption("crash")) Crash(*text);
  if (const auto cause = Option("die")) Die(*cause);
  if (HasWord("hang")) Hang();
  if (HasWord("flood")) FloodConsole();
  if (Option("load")) RunLoad(NumberOption("load"));
  if (const auto names = Option("test")) {
    for (uint32_t i = 0; i < std::max(NumberOption("repeat"), uint32_t{1}); ++i) {
      if (!RunTests(*names)) Crash("tests failed");
    }
    return;
  }
  RunShell();
}

}  // namespace
}  // namespace guest

void KernelMain(uint32_t boot_parameters) {
  guest::InitKernel(boot_parameters);
  guest::Print("lguest demo kernel: ", guest::GetBootInfo().memory_bytes >> 20, " MB, [");
  guest::WriteConsole(guest::GetBootInfo().command_line);  // too long for Print()
  guest::Print("]\r\n");
  guest::Run();
  guest::PowerOff();
}
