// The /init of a Linux guest. It measures the guest's system calls, processes, page faults, console
// and disk, prints a line `BENCH name value unit` for each, and powers the machine off.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "testdata/benchmark_init/linux.h"
#include "testdata/guest/text.h"

extern "C" [[noreturn]] void BenchmarkMain(const uint32_t* stack);

namespace benchmark_init {
namespace {

using guest::Text;

constexpr uint32_t kPageSize = 4096;
constexpr uint32_t kMegabyte = 1 << 20;
constexpr uint32_t kConsole = 1;

// An argument that makes the program exit at once, so that exec can be measured.
constexpr std::string_view kExecuted = "executed";

alignas(kPageSize) std::array<char, 256 * 1024> buffer;

void Print(std::string_view text) {
  Do(Call::kWrite, kConsole, Word(text.data()), static_cast<uint32_t>(text.size()));
}

template <typename... Pieces>
void PrintLine(const Pieces&... pieces) {
  Print(Text(pieces..., "\n").View());
}

[[noreturn]] void Exit() {
  for (;;) Do(Call::kExit, 0);
}

void WaitFor(int32_t child) { Do(Call::kWaitpid, static_cast<uint32_t>(child), 0, 0); }

// The least time to measure, in nanoseconds: much more than a step of the clock. A guest whose
// processor has no invariant time stamp counts timer interrupts, so its clock makes steps of 10 ms.
uint64_t least_time = 0;

void MeasureClock() {
  constexpr uint64_t kSteps = 100;
  uint64_t grain = ~uint64_t{0};
  for (int i = 0; i < 3; ++i) {
    const uint64_t before = Now();
    uint64_t after = before;
    while (after == before) after = Now();
    grain = std::min(grain, after - before);
  }
  least_time = kSteps * grain;
  PrintLine("BENCH clock-grain ", static_cast<uint32_t>(grain), " ns");
}

// Prints the time of one call of `work`: the best of three averages over `count` calls, or more if
// they take less than `least_time`.
template <typename Work>
void Measure(std::string_view name, uint32_t count, Work work) {
  uint64_t best = ~uint64_t{0};
  for (int round = 0; round < 3; ++round) {
    const uint64_t start = Now();
    uint64_t taken = 0;
    uint32_t calls = 0;
    do {
      for (uint32_t i = 0; i < count; ++i) work();
      calls += count;
      taken = Now() - start;
    } while (taken < least_time);
    best = std::min(best, taken / calls);
  }
  PrintLine("BENCH ", name, " ", static_cast<uint32_t>(best), " ns");
}

// Prints the rate at which `transfer` transfers the bytes that it returns, 0 if it cannot.
template <typename Transfer>
void MeasureRate(std::string_view name, Transfer transfer) {
  const uint64_t start = Now();
  uint64_t taken = 0;
  uint64_t bytes = 0;
  do {
    const uint32_t some = transfer();
    if (some == 0) break;
    bytes += some;
    taken = Now() - start;
  } while (taken < least_time);
  const uint64_t microseconds = std::max<uint64_t>(taken / 1000, 1);
  PrintLine("BENCH ", name, " ", static_cast<uint32_t>(bytes / microseconds), " MB/s");
}

void MeasureSystemCall() {
  Measure("getppid", 500'000, [] { Do(Call::kGetppid); });
}

void MeasureProcesses() {
  Measure("fork+exit+wait", 300, [] {
    const int32_t child = Do(Call::kFork);
    if (child == 0) Exit();
    WaitFor(child);
  });
  Measure("fork+exec+wait", 150, [] {
    const int32_t child = Do(Call::kFork);
    if (child == 0) {
      const char* const arguments[] = {"init", kExecuted.data(), nullptr};
      Do(Call::kExecve, Word("/init"), Word(arguments), 0);
      Exit();
    }
    WaitFor(child);
  });
}

// Sends a byte to another process and back: four system calls and two context switches.
void MeasureContextSwitch() {
  constexpr uint32_t kTurns = 5000;
  std::array<uint32_t, 2> there = {};
  std::array<uint32_t, 2> back = {};
  Do(Call::kPipe, Word(there.data()));
  Do(Call::kPipe, Word(back.data()));
  char byte = 0;
  const int32_t child = Do(Call::kFork);
  if (child == 0) {
    Do(Call::kClose, there[1]);  // so that the pipe ends when the parent closes it
    while (Do(Call::kRead, there[0], Word(&byte), 1) == 1) {
      Do(Call::kWrite, back[1], Word(&byte), 1);
    }
    Exit();
  }
  Measure("pipe", kTurns, [&] {
    Do(Call::kWrite, there[1], Word(&byte), 1);
    Do(Call::kRead, back[0], Word(&byte), 1);
  });
  Do(Call::kClose, there[1]);
  WaitFor(child);
  for (const uint32_t fd : {there[0], back[0], back[1]}) Do(Call::kClose, fd);
}

// Touches new pages, one by one.
void MeasurePageFaults() {
  constexpr uint32_t kPages = 1024;
  constexpr uint32_t kReadWrite = 3;
  constexpr uint32_t kPrivateAnonymous = 0x22;
  const uint32_t mapping[] = {0, kPages * kPageSize, kReadWrite, kPrivateAnonymous, ~0u, 0};
  constexpr uint32_t kRounds = 5;
  uint64_t best = ~uint64_t{0};
  uint64_t sum = 0;
  uint32_t rounds = 0;
  for (; rounds < kRounds || sum < least_time; ++rounds) {
    const auto pages = static_cast<uint32_t>(Do(Call::kMmap, Word(mapping)));
    const uint64_t start = Now();
    for (uint32_t i = 0; i < kPages; ++i) {
      *reinterpret_cast<volatile char*>(pages + i * kPageSize) = 1;
    }
    const uint64_t taken = Now() - start;
    best = std::min(best, taken);
    sum += taken;
    Do(Call::kMunmap, pages, kPages * kPageSize);
  }
  // One round may be shorter than a step of the clock. All together are not.
  const uint64_t figure = rounds == kRounds ? best : sum / rounds;
  PrintLine("BENCH page-fault ", static_cast<uint32_t>(figure / kPages), " ns");
}

void MeasureConsole() {
  constexpr uint32_t kBytes = 4 * kMegabyte;
  constexpr uint32_t kLine = 80;
  for (uint32_t i = 0; i < buffer.size(); ++i) {
    buffer[i] = i % kLine == kLine - 1 ? '\n' : '.';
  }
  constexpr uint32_t kWrite = kPageSize / kLine * kLine;
  MeasureRate("console", [] {
    uint32_t done = 0;
    for (; done < kBytes; done += kWrite) Print({buffer.data(), kWrite});
    return done;
  });
}

// Reads the kernel's list of disks, "MAJOR MINOR BLOCKS lgba" per line. Returns 0 if there is no
// disk.
uint32_t FindDisk() {
  Do(Call::kMkdir, Word("/proc"), 0755);
  Do(Call::kMount, Word("proc"), Word("/proc"), Word("proc"));
  const int32_t list = Do(Call::kOpen, Word("/proc/partitions"));
  if (list < 0) return 0;
  const int32_t size = Do(Call::kRead, static_cast<uint32_t>(list), Word(buffer.data()), kPageSize);
  Do(Call::kClose, static_cast<uint32_t>(list));
  std::string_view lines(buffer.data(), static_cast<uint32_t>(std::max(size, 0)));
  const size_t name = lines.find("lgba\n");
  if (name == std::string_view::npos) return 0;
  lines = lines.substr(0, name);
  lines.remove_prefix(lines.rfind('\n') + 1);
  std::array<uint32_t, 2> numbers = {};
  for (uint32_t& number : numbers) {
    while (lines.starts_with(' ')) lines.remove_prefix(1);
    while (!lines.starts_with(' ')) {
      number = number * 10 + static_cast<uint32_t>(lines[0] - '0');
      lines.remove_prefix(1);
    }
  }
  return numbers[0] << 8 | numbers[1];
}

// Reads the whole disk, or as much as the time allows, then writes the same data back.
void MeasureDisk() {
  constexpr uint32_t kReadWrite = 2;
  constexpr uint32_t kDirect = 040000;
  constexpr uint32_t kBlockDevice = 0060600;
  constexpr uint32_t kMostBytes = 64 * kMegabyte;
  const uint32_t device = FindDisk();
  if (device == 0) return PrintLine("BENCH disk none");
  Do(Call::kMknod, Word("/disk"), kBlockDevice, device);
  const int32_t opened = Do(Call::kOpen, Word("/disk"), kReadWrite | kDirect);
  if (opened < 0) return PrintLine("BENCH disk error ", opened);
  const auto disk = static_cast<uint32_t>(opened);
  for (const Call call : {Call::kRead, Call::kWrite}) {
    MeasureRate(call == Call::kRead ? "disk-read" : "disk-write", [&] {
      Do(Call::kLseek, disk, 0, 0);
      uint32_t moved = 0;
      while (moved < kMostBytes) {
        const int32_t some = Do(call, disk, Word(buffer.data()), buffer.size());
        if (some <= 0) break;
        moved += static_cast<uint32_t>(some);
      }
      return moved;
    });
  }
}

void PowerOff() {
  constexpr uint32_t kMagic1 = 0xfee1dead;
  constexpr uint32_t kMagic2 = 672274793;
  constexpr uint32_t kPowerOff = 0x4321fedc;
  Do(Call::kReboot, kMagic1, kMagic2, kPowerOff);
}

struct Benchmark {
  std::string_view name;
  void (*run)();
};

constexpr Benchmark kBenchmarks[] = {
    {"syscall", MeasureSystemCall}, {"process", MeasureProcesses}, {"switch", MeasureContextSwitch},
    {"fault", MeasurePageFaults},   {"console", MeasureConsole},   {"disk", MeasureDisk},
};

}  // namespace
}  // namespace benchmark_init

void BenchmarkMain(const uint32_t* stack) {
  using namespace benchmark_init;  // NOLINT(google-build-using-namespace)
  const auto* const argv = reinterpret_cast<const char* const*>(stack + 1);
  if (stack[0] > 1 && argv[1] == kExecuted) Exit();
  PrintLine("BENCH user-space");
  MeasureClock();
  for (const Benchmark& benchmark : kBenchmarks) {
    bool wanted = stack[0] == 1;
    for (uint32_t i = 1; i < stack[0]; ++i) wanted |= argv[i] == benchmark.name;
    if (wanted) benchmark.run();
  }
  PrintLine("BENCH done");
  PowerOff();
  Exit();
}
