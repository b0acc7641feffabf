#include "launcher/virtual_machine.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "hostsim/software_host.h"
#include "hostsim/testing/fake_clock.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "launcher/base/file_lock.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/base/unique_fd.h"
#include "launcher/exit_status.h"
#include "testdata/images/bytes.h"
#include "testdata/images/elf_builder.h"

namespace lguest {
namespace {

using hostsim::Script;
using ::testing::Contains;
using ::testing::HasSubstr;

class ScriptedHost final : public HostMachine {
 public:
  ScriptedHost(GuestMemory& memory, Script script)
      : cpu_(memory, std::move(script)), host_(memory, cpu_, clock_) {}

  Host& host() override { return host_; }
  std::string description() const override { return "scripted CPU"; }

 private:
  hostsim::ScriptedVcpu cpu_;
  hostsim::FakeClock clock_;
  hostsim::SoftwareHost host_;
};

class VirtualMachineTest : public ::testing::Test {
 protected:
  VirtualMachineTest() {
    UseKernel(testdata::GoodKernel());
    options_.memory = 16u << 20;
  }

  void UseKernel(const testdata::ElfBuilder& builder) {
    const testdata::Bytes kernel = builder.Build();
    options_.kernel =
        dir_.File("vmlinux", {reinterpret_cast<const char*>(kernel.data()), kernel.size()});
  }

  void AddDisk(const std::string& path) {
    options_.devices.push_back({absl::StrCat("--block=", path), BlockSpec{.path = path}});
  }

  absl::StatusOr<std::unique_ptr<VirtualMachine>> Build(const Script& script) {
    HostPlan plan;
    plan.make = [script](GuestMemory& memory, const MachineIdentity& /*identity*/)
        -> absl::StatusOr<std::unique_ptr<HostMachine>> {
      return std::make_unique<ScriptedHost>(memory, script);
    };
    return Build(std::move(plan));
  }
  absl::StatusOr<std::unique_ptr<VirtualMachine>> Build(HostPlan plan) {
    const LogSink log = [this](const std::string& line) { log_.push_back(line); };
    const LogSink verbose = [this](const std::string& line) { verbose_.push_back(line); };
    return VirtualMachine::Build(options_, std::move(plan), log, verbose);
  }

  ExitStatus FailureOf(const absl::StatusOr<std::unique_ptr<VirtualMachine>>& built) {
    return built.ok() ? ExitStatus::kPoweredOff : ExitStatusOfError(built.status());
  }

  TempDir dir_;
  Options options_;
  std::vector<std::string> log_;
  std::vector<std::string> verbose_;
};

TEST_F(VirtualMachineTest, RunReturnsTheDeathReason) {
  const auto machine = Build(Script().Init().Crash("Power down"));
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_EQ((*machine)->Run().value(), "CRASH: Power down");
}

TEST_F(VirtualMachineTest, VerboseLogNamesKernelAndHost) {
  ASSERT_TRUE(Build(Script()).ok());
  EXPECT_THAT(verbose_, Contains(HasSubstr("Section 0")));
  EXPECT_THAT(verbose_, Contains("host: scripted CPU"));
}

TEST_F(VirtualMachineTest, StatsCountSentDmas) {
  options_.stats = true;
  constexpr uint32_t kDma = 0x5000;
  const auto machine =
      Build(Script().Init().Dma(kDma, {}).Send(DmaKey(0), GuestPhys(kDma)).Crash("Power down"));
  ASSERT_TRUE(machine.ok()) << machine.status();
  ASSERT_TRUE((*machine)->Run().ok());
  const Stats stats = (*machine)->CollectStats();
  EXPECT_EQ(stats.host, "scripted CPU");
  EXPECT_EQ(stats.readings.dma_sent, 1u);
  ASSERT_EQ(stats.devices.size(), 1u);
  EXPECT_EQ(stats.devices[0].traffic.sent, 1u);
}

TEST_F(VirtualMachineTest, DevicesFollowTheMemoryThatTheKernelCanUse_F6) {
  testdata::ElfSegment segment;
  segment.virtual_address = 0xc0100000;
  segment.physical_address = 0x100000;
  segment.data = testdata::KernelCode(0x1000, 0xc0000000, 64);
  testdata::Put(segment.data, 0x800, testdata::FromString("Use a HIGHMEM enabled kernel."));
  UseKernel(testdata::ElfBuilder().Segment(segment));
  options_.memory = 1000u << 20;
  AddDisk(dir_.File("disk", std::string(4096, 'd')));
  const auto built = Build(Script());
  EXPECT_TRUE(built.ok()) << built.status();
  EXPECT_THAT(log_, Contains(HasSubstr("the guest gets 892 MB instead of 1000")));
}

TEST_F(VirtualMachineTest, MacNeedsAHostThatTakesIt_F7) {
  const auto plan_of = [](bool takes_guest_id) {
    HostPlan plan;
    plan.takes_guest_id = takes_guest_id;
    plan.make =
        [](GuestMemory& memory,
           const MachineIdentity& identity) -> absl::StatusOr<std::unique_ptr<HostMachine>> {
      EXPECT_EQ(identity.guest_id, 0x1234);
      return std::make_unique<ScriptedHost>(memory, Script());
    };
    return plan;
  };
  options_.guest_id = 0x1234;
  EXPECT_TRUE(Build(plan_of(true)).ok());
  const auto refused = Build(plan_of(false));
  EXPECT_EQ(FailureOf(refused), ExitStatus::kUsage);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("mac="));
}

TEST_F(VirtualMachineTest, MissingKernelIsStatusCannotOpen) {
  options_.kernel = dir_.Path("none");
  EXPECT_EQ(FailureOf(Build(Script())), ExitStatus::kCannotOpen);
}

TEST_F(VirtualMachineTest, InvalidKernelIsFoundBeforeDisksAreOpened) {
  options_.kernel = dir_.File("text", "no kernel");
  AddDisk(dir_.Path("none"));
  EXPECT_EQ(FailureOf(Build(Script())), ExitStatus::kBadFile);
}

TEST_F(VirtualMachineTest, MissingDiskIsStatusCannotOpen) {
  AddDisk(dir_.Path("none"));
  const auto built = Build(Script());
  EXPECT_EQ(FailureOf(built), ExitStatus::kCannotOpen);
  EXPECT_THAT(std::string(built.status().message()), HasSubstr("--block="));
}

TEST_F(VirtualMachineTest, DirectoryAsDiskIsRefused) {
  AddDisk(testing::TempDir());
  EXPECT_NE(FailureOf(Build(Script())), ExitStatus::kPoweredOff);
}

TEST_F(VirtualMachineTest, SameFileForTwoDisksIsRefused_F4) {
  const std::string path = dir_.File("disk", std::string(4096, 'd'));
  AddDisk(path);
  AddDisk(dir_.Path("./disk"));
  const auto built = Build(Script());
  EXPECT_EQ(FailureOf(built), ExitStatus::kBadFile);
  EXPECT_THAT(std::string(built.status().message()), HasSubstr("are the same file"));
}

TEST_F(VirtualMachineTest, ReaderOfAnotherDisksFileIsRefused_F4) {
  const std::string path = dir_.File("disk", std::string(4096, 'd'));
  for (const bool writer_is_first : {true, false}) {
    options_.devices.clear();
    for (const bool is_first : {true, false}) {
      options_.devices.push_back(
          {"--block", BlockSpec{.path = path, .read_only = is_first != writer_is_first}});
    }
    EXPECT_THAT(std::string(Build(Script()).status().message()), HasSubstr("are the same file"));
  }
}

TEST_F(VirtualMachineTest, StatisticsDoNotReplaceAFileOfTheGuest) {
  const std::string path = dir_.File("disk", std::string(4096, 'd'));
  AddDisk(path);
  options_.stats = true;
  options_.stats_file = path;
  EXPECT_THAT(std::string(Build(Script()).status().message()), HasSubstr("are the same file"));
}

TEST_F(VirtualMachineTest, ReadOnlyDisksMayShareAFile_F4) {
  const std::string path = dir_.File("disk", std::string(4096, 'd'));
  for (int i = 0; i < 2; ++i) {
    options_.devices.push_back({"--block", BlockSpec{.path = path, .read_only = true}});
  }
  EXPECT_TRUE(Build(Script()).ok());
}

TEST_F(VirtualMachineTest, OtherImageFormatIsRefusedUnchanged_F8) {
  const std::string image = "QFI\xfb" + std::string(4092, 'q');
  AddDisk(dir_.File("disk", image));
  const auto built = Build(Script());
  EXPECT_EQ(FailureOf(built), ExitStatus::kBadFile);
  EXPECT_THAT(std::string(built.status().message()), HasSubstr("qemu-img convert"));
  EXPECT_EQ(dir_.Contents("disk"), image);
}

TEST_F(VirtualMachineTest, DiskSmallerThanASectorIsRefused_F19) {
  AddDisk(dir_.File("disk", std::string(511, 'd')));
  EXPECT_EQ(FailureOf(Build(Script())), ExitStatus::kBadFile);
}

TEST_F(VirtualMachineTest, FailureReleasesTheDisk) {
  AddDisk(dir_.File("disk", std::string(4096, 'd')));
  HostPlan plan;
  plan.make =
      [](GuestMemory& /*memory*/,
         const MachineIdentity& /*identity*/) -> absl::StatusOr<std::unique_ptr<HostMachine>> {
    return absl::UnavailableError("no such host");
  };
  EXPECT_EQ(FailureOf(Build(std::move(plan))), ExitStatus::kNoHost);
  const UniqueFd disk(open(dir_.Path("disk").c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_TRUE(LockFile(disk.get(), FileLock::kExclusive, {}).value());
}

TEST_F(VirtualMachineTest, KernelLargerThanMemoryIsABadFile) {
  options_.memory = 1u << 20;
  EXPECT_EQ(FailureOf(Build(Script())), ExitStatus::kBadFile);
}

TEST_F(VirtualMachineTest, TooLongCommandLineIsAUsageError) {
  options_.command_line = std::string(5000, 'x');
  EXPECT_EQ(FailureOf(Build(Script())), ExitStatus::kUsage);
}

class LaterKernelTest : public VirtualMachineTest {
 protected:
  LaterKernelTest() {
    const testdata::Bytes kernel = testdata::LaterKernel("3.10.4").Build();
    options_.kernel =
        dir_.File("vmlinux", {reinterpret_cast<const char*>(kernel.data()), kernel.size()});
  }

  // A plan whose host is known by its guest's reason of death.
  static HostPlan Plan(const std::string& reason) {
    HostPlan plan;
    plan.make = [reason](GuestMemory& memory, const MachineIdentity& /*identity*/)
        -> absl::StatusOr<std::unique_ptr<HostMachine>> {
      return std::make_unique<ScriptedHost>(memory, Script().Init().Crash(reason));
    };
    return plan;
  }
};

TEST_F(LaterKernelTest, HostOf2623IsRefusedWithWhatHelps) {
  const auto built = Build(Plan("x"));
  EXPECT_EQ(FailureOf(built), ExitStatus::kNoHost);
  EXPECT_EQ(built.status().message(),
            options_.kernel +
                " is a guest of a Linux after 2.6.23, which this host cannot run: --host=sim can");
}

TEST_F(LaterKernelTest, OtherHostTakesItsPlace) {
  HostPlan plan = Plan("x");
  plan.for_other_generations = std::make_unique<HostPlan>(Plan("y"));
  const auto machine = Build(std::move(plan));
  ASSERT_TRUE(machine.ok()) << machine.status();
  // The scripted guest is one of 2.6.23, so all that counts is that a host was made.
  EXPECT_THAT(verbose_, Contains("host: scripted CPU"));
}

TEST_F(LaterKernelTest, HostOfAllGenerationsIsTaken) {
  HostPlan plan = Plan("x");
  plan.serves_all_generations = true;
  const auto machine = Build(std::move(plan));
  EXPECT_TRUE(machine.ok()) << machine.status();
}

TEST_F(LaterKernelTest, DevicesAreThoseOfItsBus) {
  options_.stats = true;
  AddDisk(dir_.File("disk", std::string(4096, 'd')));
  HostPlan plan = Plan("x");
  plan.serves_all_generations = true;
  const auto machine = Build(std::move(plan));
  ASSERT_TRUE(machine.ok()) << machine.status();
  const Stats stats = (*machine)->CollectStats();
  ASSERT_EQ(stats.devices.size(), 3u);
  EXPECT_THAT(stats.devices[0].name, HasSubstr("block "));
  EXPECT_EQ(stats.devices[1].name, "rng");
  EXPECT_EQ(stats.devices[2].name, "console");
}

TEST_F(VirtualMachineTest, GuestOf2623StaysOnItsHost) {
  HostPlan plan;
  plan.make =
      [](GuestMemory& memory,
         const MachineIdentity& /*identity*/) -> absl::StatusOr<std::unique_ptr<HostMachine>> {
    return std::make_unique<ScriptedHost>(memory, Script().Init().Crash("first"));
  };
  plan.for_other_generations = std::make_unique<HostPlan>();
  const auto machine = Build(std::move(plan));
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_EQ((*machine)->Run().value(), "CRASH: first");
}

}  // namespace
}  // namespace lguest
