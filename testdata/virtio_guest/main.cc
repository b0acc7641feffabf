// A small kernel of Linux 2.6.24 to 4.13, as far as lguest is concerned: one source, and one
// program for each generation. It tests hosts and launchers.

#include <string_view>

#include "testdata/guest/memory.h"
#include "testdata/virtio_guest/devices.h"
#include "testdata/virtio_guest/host.h"
#include "testdata/virtio_guest/tests.h"
#include "testdata/virtio_guest/traps.h"

extern "C" [[noreturn]] void KernelMain(uint32_t boot_parameters);

namespace guest {
namespace {

constexpr uint32_t kCommandLine = 0x228;
constexpr uint32_t kMemoryBytes = 0x2d8;
constexpr char kBanner[] = "our own guest of Linux " TEXT_OF(LINUX_MAJOR) "." TEXT_OF(
    LINUX_MINOR) "." TEXT_OF(LINUX_PATCH) "\r\n";

template <typename T>
T BootParameter(uint32_t parameters, uint32_t offset) {
  T value;
  memcpy(&value, ToVirt<char>(parameters + offset), sizeof(value));
  return value;
}

// The value of the command line's word `name=value`; empty: there is no such word.
std::string_view Option(std::string_view line, std::string_view name) {
  while (!line.empty()) {
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size() < line.size() ? word.size() + 1 : word.size());
    if (word.starts_with(name) && word.substr(name.size()).starts_with('=')) {
      return word.substr(name.size() + 1);
    }
  }
  return {};
}

[[noreturn]] void Run(uint32_t boot_parameters) {
  const auto ram = BootParameter<uint32_t>(boot_parameters, kMemoryBytes);
  const std::string_view line =
      ToVirt<const char>(BootParameter<uint32_t>(boot_parameters, kCommandLine));
  InitTraps();
  EarlyPrint(kBanner, ram);
  InitDevices(ram);
  if (const std::string_view rule = Option(line, "break"); !rule.empty()) {
    BreakRule(rule);
    Crash("the host did not notice");
  }
  const std::string_view test = Option(line, "test");
  if (!RunTests(test.empty() ? "all" : test, ram)) Crash("tests failed");
  PowerOff();
}

}  // namespace
}  // namespace guest

void KernelMain(uint32_t boot_parameters) { guest::Run(boot_parameters); }
