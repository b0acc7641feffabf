// Whole runs of our own guest: what must not change a fingerprint.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "devices/block/block_device.h"
#include "devices/bus/device_bus.h"
#include "devices/console/console.h"
#include "devices/testing/fake_console_backend.h"
#include "devices/testing/memory_block_backend.h"
#include "hostsim/count_stops.h"
#include "hostsim/softcpu/soft_cpu.h"
#include "hostsim/software_host.h"
#include "hostsim/vcpu.h"
#include "hostsim/virtual_clock.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/run_loop.h"
#include "launcher/timetravel/deterministic_run.h"
#include "launcher/timetravel/fingerprint.h"
#include "loader/load_guest.h"

namespace lguest::timetravel {
namespace {

constexpr char kKernel[] = "testdata/guest/vmlinux";
constexpr uint32_t kRam = 16u << 20;

// What changes from run to run.
struct Variant {
  uint64_t stop_interval = 0;  // the mean distance of random stops; 0: none
  size_t code_limit = hostsim::SoftCpuOptions().code_limit;
};

struct Result {
  std::string fingerprint;
  std::string output;
  uint64_t stops = 0;

  bool passed() const { return output.find(" 0 failed") != std::string::npos; }
};

Result RunGuestWith(const std::string& command_line, const Variant& variant) {
  constexpr uint32_t kDevicePages = 2;
  const auto memory = GuestMemory::Create(kRam + kDevicePages * kPageSize).value();
  const loader::LoadedGuest guest =
      loader::LoadGuest(*memory, kRam,
                        {.kernel = kKernel, .initrds = {}, .command_line = command_line})
          .value();
  const std::unique_ptr<hostsim::Vcpu> cpu =
      hostsim::SoftCpu::Create(*memory,
                               {.counts_instructions = true, .code_limit = variant.code_limit})
          .value();
  hostsim::CountStops stops(*cpu->counted());
  hostsim::VirtualClock clock(stops,
                              {.nanos_per_instruction = 2, .start = {.sec = 1000, .nsec = 0}});
  hostsim::SoftwareHost host(*memory, *cpu, clock, {.tsc_khz = hostsim::VirtualClock::kTscKhz});

  DeterministicRun run;
  std::string disk(1 << 20, 'd');
  FakeUser user;
  user.end_of_input = true;
  std::vector<std::unique_ptr<Device>> devices;
  devices.push_back(std::make_unique<BlockDevice>(
      "disk", run.WrapDisk(std::make_unique<MemoryBlockBackend>(disk)), nullptr));
  devices.push_back(
      std::make_unique<Console>(run.WrapConsole(std::make_unique<FakeConsoleBackend>(user))));
  const std::unique_ptr<DeviceBus> bus =
      DeviceBus::Create(*memory, host, GuestPhys(guest.ram_size), std::move(devices)).value();

  EXPECT_TRUE(host.Initialize({.pfn_limit = memory->size() / kPageSize,
                               .page_directory = guest.page_directory,
                               .entry = guest.entry,
                               .page_offset = guest.page_offset})
                  .ok());
  const CountedMachine machine = {.cpu = *cpu, .stops = stops, .clock = clock, .host = host};
  InputWatch& watch = run.Start(host, machine, {}, 0, [] {});

  Result result;
  std::mt19937_64 random(result.stops);
  const auto distance = [&] { return 1 + random() % (2 * variant.stop_interval); };
  hostsim::CountStops::User extra = 0;
  extra = stops.Add([&] {
    ++result.stops;
    stops.Set(extra, stops.cpu().count() + distance());
  });
  if (variant.stop_interval != 0) stops.Set(extra, distance());

  absl::StatusOr<std::string> death = RunGuest(host, *bus, watch, nullptr, nullptr);
  EXPECT_TRUE(run.Finish(std::move(death), *memory, nullptr).ok());
  result.fingerprint = run.fingerprint()->Text();
  result.output = user.output;
  return result;
}

class WholeRunTest : public testing::TestWithParam<const char*> {};

TEST_P(WholeRunTest, StopsAtRandomCountsChangeNothing) {
  const Result plain = RunGuestWith(GetParam(), {});
  EXPECT_TRUE(plain.passed()) << plain.output;
  const Result stopped = RunGuestWith(GetParam(), {.stop_interval = 3000});
  EXPECT_EQ(stopped.fingerprint, plain.fingerprint);
  EXPECT_EQ(stopped.output, plain.output);
  EXPECT_GT(stopped.stops, 100u);
  RecordProperty("stops", std::to_string(stopped.stops));
}

TEST_P(WholeRunTest, SizeOfTheCodeBufferChangesNothing) {
  const Result plain = RunGuestWith(GetParam(), {});
  const Result small = RunGuestWith(GetParam(), {.code_limit = 256 << 10});
  EXPECT_EQ(small.fingerprint, plain.fingerprint);
  EXPECT_EQ(small.output, plain.output);
}

INSTANTIATE_TEST_SUITE_P(OurGuest, WholeRunTest,
                         testing::Values("test=boot,page-tables,disk", "test=all"));

}  // namespace
}  // namespace lguest::timetravel
