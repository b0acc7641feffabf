#include "testdata/guest/shell.h"

#include <algorithm>
#include <array>

#include "testdata/guest/block.h"
#include "testdata/guest/boot.h"
#include "testdata/guest/console.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/net.h"
#include "testdata/guest/pages.h"
#include "testdata/guest/ping.h"
#include "testdata/guest/process.h"
#include "testdata/guest/timer.h"

namespace guest {
namespace {

struct Command {
  std::string_view name;
  std::string_view what;
  void (*run)(std::string_view argument);
};

void Help(std::string_view);

void Echo(std::string_view text) { Print(text, "\r\n"); }

void Time(std::string_view) {
  // The host updates the time in lguest_data with each interrupt.
  SleepMs(1);
  const uint32_t of_day = lguest_data.time.sec % 86400;
  const auto two_digits = [](uint32_t number) { return Text(number / 10, number % 10); };
  Print(two_digits(of_day / 3600), ":", two_digits(of_day / 60 % 60), ":", two_digits(of_day % 60),
        " UTC, ", TimerInterrupts(), " timer interrupts so far\r\n");
}

void Memory(std::string_view) {
  Print(GetBootInfo().memory_bytes >> 10, " KB of memory, ", FreePages() * (kPageSize >> 10),
        " KB free\r\n");
}

void Run(std::string_view) {
  Print("Two processes, taking turns:\r\n");
  const Process& first = StartProcess(Program::kCounter, ('A' << 8) | 3);
  const Process& second = StartProcess(Program::kCounter, ('B' << 8) | 3);
  RunUntilEnd(first);
  RunUntilEnd(second);
  ReapAll();
}

void Fault(std::string_view) {
  Print("A process writes to address 0x10, which is not mapped:\r\n");
  const ProcessExit ending =
      RunProgram(Program::kFault, static_cast<uint32_t>(UserFault::kWriteNull));
  Print("killed by trap ", ending.vector, " at ", Hex{ending.eip}, ", address ",
        Hex{ending.address}, ", error code ", ending.error, "; the kernel continues\r\n");
}

// Keeps a line of text in the first sector of the first disk.
void UseDisk(std::string_view text) {
  alignas(lguest::kSectorSize) static std::array<char, lguest::kSectorSize> sector;
  if (Disks().empty()) {
    Print("There is no disk. Start the launcher with --block=FILE.\r\n");
    return;
  }
  Disk& disk = Disks().front();
  if (!text.empty()) {
    sector = {};
    std::copy(text.begin(), text.end(), sector.begin());
    Print(disk.Write(0, sector) ? "Written.\r\n" : "The disk reports an error.\r\n");
    return;
  }
  if (!disk.Read(0, sector)) {
    Print("The disk reports an error.\r\n");
    return;
  }
  Text line;
  for (const char c : sector) {
    if (c < ' ' || c > '~') break;
    line.Append(c);
  }
  Print(disk.sectors(), " sectors; the first one contains [", line, "]\r\n");
}

void UseNet(std::string_view) {
  NetInterface* interface = FirstNetInterface();
  const std::string_view other = Option("gw").value_or("");
  const std::optional<IpAddress> own_ip = ParseIp(Option("ip").value_or(""));
  const std::optional<IpAddress> other_ip = ParseIp(other);
  if (interface == nullptr || !own_ip || !other_ip) {
    Print("There is no network, or no ip= and gw= on the command line.\r\n");
    return;
  }
  Pinger pinger(*interface, *own_ip);
  if (!pinger.Resolve(*other_ip)) {
    Print(other, " does not answer.\r\n");
    return;
  }
  for (uint16_t i = 1; i <= 3; ++i) {
    Print("ping ", i, " to ", other, pinger.Ping(i, 56) ? ": answered\r\n" : ": lost\r\n");
  }
}

void CrashNow(std::string_view reason) { Crash(reason.empty() ? "crashed on request" : reason); }

void PowerOffNow(std::string_view) {
  Print("Good-bye.\r\n");
  PowerOff();
}

constexpr Command kCommands[] = {
    {"help", "this list", Help},
    {"echo", "prints its argument", Echo},
    {"time", "prints the time of day of the host", Time},
    {"mem", "prints the size of memory", Memory},
    {"run", "runs two processes in turns", Run},
    {"disk", "prints the text on the disk; disk TEXT changes it", UseDisk},
    {"net", "pings the other end of the network", UseNet},
    {"fault", "runs a process that faults", Fault},
    {"crash", "crashes the guest; the argument is the reason", CrashNow},
    {"poweroff", "powers the guest off", PowerOffNow},
};

void Help(std::string_view) {
  for (const Command& command : kCommands) {
    Text line("  ", command.name);
    while (line.View().size() < 12) line.Append(' ');
    Print(line, command.what, "\r\n");
  }
}

void Do(std::string_view line) {
  const std::string_view name = NextWord(line);
  if (line.starts_with(' ')) line.remove_prefix(1);
  if (name.empty()) return;
  for (const Command& command : kCommands) {
    if (command.name == name) {
      command.run(line);
      return;
    }
  }
  Print("Unknown command ", name, "; type help.\r\n");
}

}  // namespace

void RunShell() {
  static std::array<char, 120> buffer;
  Print("Hello! This is a small kernel, running as a guest under the lguest interface.\r\n",
        "Type help for what it can do.\r\n");
  for (;;) {
    Print("guest> ");
    if (const std::optional<std::string_view> line = ReadLine(buffer)) Do(*line);
  }
}

}  // namespace guest
