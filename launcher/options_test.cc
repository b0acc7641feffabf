#include "launcher/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lguest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<Options> Parse(std::string_view line) {
  const std::vector<std::string> args = absl::StrSplit(line, ' ', absl::SkipEmpty());
  return ParseOptions(args);
}

std::string Error(std::string_view line) {
  const absl::Status status = Parse(line).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << line;
  return std::string(status.message());
}

TEST(OptionsTest, MemoryKernelAndKernelArguments) {
  const Options options = Parse("64 vmlinux root=/dev/lgba console=hvc0").value();
  EXPECT_EQ(options.memory, 64u << 20);
  EXPECT_EQ(options.kernel, "vmlinux");
  EXPECT_EQ(options.command_line, "root=/dev/lgba console=hvc0");
  EXPECT_THAT(options.devices, IsEmpty());
  EXPECT_THAT(options.initrds, IsEmpty());
  EXPECT_FALSE(options.verbose);
  EXPECT_EQ(options.host, HostChoice::kAuto);
}

TEST(OptionsTest, CommandLineHasNoTrailingBlank_B31) {
  EXPECT_EQ(Parse("64 vmlinux quiet")->command_line, "quiet");
  EXPECT_EQ(Parse("64 vmlinux")->command_line, "");
}

TEST(OptionsTest, InitrdsKeepTheirOrder_F20) {
  EXPECT_THAT(Parse("--initrd=a 64 vmlinux --initrd=b")->initrds, ElementsAre("a", "b"));
}

TEST(OptionsTest, OptionWithOneValueIsGivenOnce_F20) {
  EXPECT_EQ(Error("--host=sim --host=sim 64 vmlinux"), "option --host is given twice");
  EXPECT_EQ(Error("--stats --stats=f 64 vmlinux"), "option --stats is given twice");
  EXPECT_TRUE(Parse("-v -v 64 vmlinux").ok());
}

// 0: the run is not deterministic.
int64_t NanosOf(std::string_view line) {
  const std::optional<DeterministicOptions> time = Parse(line)->deterministic;
  return time.has_value() ? time->nanos_per_instruction : 0;
}

TEST(OptionsTest, DeterministicRunWithAndWithoutValue) {
  EXPECT_EQ(NanosOf("64 vmlinux"), 0);
  EXPECT_EQ(NanosOf("--deterministic 64 vmlinux"), 2);
  EXPECT_EQ(NanosOf("--deterministic=5 64 vmlinux"), 5);
  EXPECT_THAT(Error("--deterministic=0 64 vmlinux"), HasSubstr("--deterministic=0: 1 to 1000"));
}

TEST(OptionsTest, RecordedRunIsDeterministic) {
  const Options options = Parse("--record=log 64 vmlinux").value();
  EXPECT_EQ(options.record_file, "log");
  EXPECT_TRUE(options.deterministic.has_value());
  EXPECT_EQ(NanosOf("--record=log --deterministic=7 64 vmlinux"), 7);
}

TEST(OptionsTest, ReplayNeedsNoKernel) {
  EXPECT_EQ(Parse("--replay=log")->replay_file, "log");
  EXPECT_EQ(Parse("--replay=log")->memory, 0u);
  EXPECT_EQ(Parse("--replay=log 64 vmlinux")->kernel, "vmlinux");
  EXPECT_THAT(Error("--replay=log 64"), HasSubstr("kernel missing"));
}

TEST(OptionsTest, WhatCannotBeRepeatedIsRefused) {
  EXPECT_THAT(Error("--deterministic --host=kvm 64 vmlinux"),
              HasSubstr("--deterministic needs the software CPU (--host=sim)"));
  EXPECT_THAT(Error("--record=log --host=device 64 vmlinux"), HasSubstr("--record needs"));
  EXPECT_THAT(Error("--record=log --sharenet=net 64 vmlinux"),
              HasSubstr("--sharenet=net: other launchers write to its memory at any time"));
  EXPECT_THAT(Error("--replay=log --block=disk"),
              HasSubstr("--block=disk: a replay has the devices of its recording"));
  EXPECT_THAT(Error("--replay=log --record=log2"), HasSubstr("--replay repeats a run"));
  EXPECT_TRUE(Parse("--record=log --host=sim --tunnet=10.0.0.1 64 vmlinux").ok());
}

TEST(OptionsTest, OnceTakesNoValue) {
  EXPECT_FALSE(Parse("64 vmlinux")->once);
  EXPECT_TRUE(Parse("--once 64 vmlinux")->once);
  EXPECT_EQ(Error("--once=yes 64 vmlinux"), "option --once takes no value");
}

TEST(OptionsTest, HelpIsShortToo) { EXPECT_TRUE(Parse("-h")->help); }

TEST(OptionsTest, MacGivesTheGuestId_F7) {
  EXPECT_EQ(Parse("64 vmlinux")->guest_id, std::nullopt);
  EXPECT_EQ(Parse("--tunnet=192.168.19.1,mac=02:00:cD:0a:00:00 64 vmlinux")->guest_id, 0x0acd);
  const Options two =
      Parse("--tunnet=tap:t,mac=02:00:01:00:00:00 --sharenet=n,mac=02:00:01:00:00:00 64 k").value();
  EXPECT_EQ(two.guest_id, 1);
  EXPECT_EQ(std::get<SharedNetSpec>(two.devices[1].spec).path, "n");
}

TEST(OptionsTest, MacThatNoGuestCanHaveIsRefused_F7) {
  for (const std::string_view mac : {"", "02:00:00:00:00", "52:54:00:12:34:56", "02:00:0g:00:00:00",
                                     "02:00:00:00:00:01", "02:00:00:00:00:00:00"}) {
    EXPECT_THAT(Error(absl::StrCat("--tunnet=tap:t,mac=", mac, " 64 vmlinux")),
                HasSubstr("02:00:XX:XX:00:00"));
  }
  EXPECT_THAT(Error("--tunnet=tap:t,mac=02:00:01:00:00:00 "
                    "--sharenet=n,mac=02:00:02:00:00:00 64 vmlinux"),
              HasSubstr("one MAC for all its networks"));
  EXPECT_THAT(Error("--tunnet=192.168.19.1:52:54:00:12:34:56 64 vmlinux"),
              HasSubstr("a MAC follows a comma"));
}

TEST(OptionsTest, DevicesKeepTheirOrder) {
  const Options options =
      Parse("--block=a --tunnet=192.168.19.1 64 vmlinux --block=b,readonly --sharenet=n").value();
  ASSERT_EQ(options.devices.size(), 4u);
  EXPECT_EQ(std::get<BlockSpec>(options.devices[0].spec),
            (BlockSpec{.path = "a", .read_only = false}));
  EXPECT_TRUE(std::holds_alternative<TunSpec>(options.devices[1].spec));
  EXPECT_EQ(std::get<BlockSpec>(options.devices[2].spec),
            (BlockSpec{.path = "b", .read_only = true}));
  EXPECT_EQ(options.devices[2].text, "--block=b,readonly");
  EXPECT_EQ(std::get<SharedNetSpec>(options.devices[3].spec).path, "n");
}

TEST(OptionsTest, ParserChecksDeviceValues_B77) {
  EXPECT_THAT(Error("--tunnet=999.1.1.1 64 vmlinux"), HasSubstr("--tunnet=999.1.1.1: "));
  EXPECT_THAT(Error("--tunnet=bridge: 64 vmlinux"), HasSubstr("--tunnet=bridge:: "));
  EXPECT_THAT(Error("--block=,readonly 64 vmlinux"), HasSubstr("--block=,readonly: "));
}

TEST(OptionsTest, OptionsMayFollowTheKernel_B81) {
  const Options options = Parse("64 vmlinux --block=disk root=/dev/lgba -v").value();
  EXPECT_EQ(options.command_line, "root=/dev/lgba");
  EXPECT_TRUE(options.verbose);
  EXPECT_EQ(options.devices.size(), 1u);
}

TEST(OptionsTest, WordsAfterTwoDashesAreNotOptions_B81) {
  const Options options = Parse("64 vmlinux -- -s --verbose").value();
  EXPECT_EQ(options.command_line, "-s --verbose");
  EXPECT_FALSE(options.verbose);
}

TEST(OptionsTest, OptionValueIsNotTheMemorySize_B78) {
  const Options options = Parse("--block disk.img 64 vmlinux").value();
  EXPECT_EQ(options.memory, 64u << 20);
  EXPECT_EQ(std::get<BlockSpec>(options.devices[0].spec).path, "disk.img");
}

TEST(OptionsTest, InvalidMemorySizeIsRefused_B79) {
  EXPECT_THAT(Error("abc vmlinux"), HasSubstr("'abc'"));
  EXPECT_THAT(Error("4096 vmlinux"), HasSubstr("1m to 2944m"));
}

TEST(OptionsTest, MissingArgumentsAreNamed_B80) {
  EXPECT_THAT(Error(""), HasSubstr("memory size and kernel missing"));
  EXPECT_THAT(Error("--verbose"), HasSubstr("memory size and kernel missing"));
  EXPECT_THAT(Error("64"), HasSubstr("kernel missing"));
}

TEST(OptionsTest, UnknownOptionIsNamed_B82) {
  EXPECT_THAT(Error("--blok=x 64 vmlinux"), HasSubstr("unknown option --blok "));
  EXPECT_THAT(Error("64 vmlinux -s"), HasSubstr("unknown option -s "));
  EXPECT_THAT(Error("-vx 64 vmlinux"), HasSubstr("unknown option -vx "));
}

TEST(OptionsTest, HelpAndVersionNeedNoOtherArgument_B83) {
  EXPECT_TRUE(Parse("--help")->help);
  EXPECT_TRUE(Parse("--version")->version);
  EXPECT_TRUE(Parse("64 vmlinux --help")->help);
}

TEST(OptionsTest, MissingOrUnexpectedValueIsAnError) {
  EXPECT_EQ(Error("64 vmlinux --block"), "option --block needs a value");
  EXPECT_EQ(Error("64 vmlinux --initrd="), "option --initrd needs a value");
  EXPECT_EQ(Error("64 vmlinux --verbose=yes"), "option --verbose takes no value");
}

TEST(OptionsTest, Sandbox) {
  EXPECT_EQ(Parse("64 vmlinux")->sandbox, kDefaultSandboxMode);
  EXPECT_EQ(Parse("--sandbox=on 64 vmlinux")->sandbox, SandboxMode::kOn);
  EXPECT_EQ(Parse("--sandbox=log 64 vmlinux")->sandbox, SandboxMode::kLog);
  EXPECT_EQ(Parse("--sandbox off 64 vmlinux")->sandbox, SandboxMode::kOff);
  EXPECT_EQ(Error("--sandbox=no 64 vmlinux"), "--sandbox=no: on, log or off is needed");
}

TEST(OptionsTest, HostIsChosenByName) {
  EXPECT_EQ(Parse("--host=auto 64 vmlinux")->host, HostChoice::kAuto);
  EXPECT_EQ(Parse("--host=device 64 vmlinux")->host, HostChoice::kDevice);
  EXPECT_EQ(Parse("--host=kvm 64 vmlinux")->host, HostChoice::kKvm);
  EXPECT_EQ(Parse("--host sim 64 vmlinux")->host, HostChoice::kSoftCpu);
  EXPECT_EQ(Error("--host=xen 64 vmlinux"),
            "--host=xen: not a host; the hosts are auto, device, kvm and sim");
}

TEST(OptionsTest, StatsFileIsOptional) {
  EXPECT_FALSE(Parse("64 vmlinux")->stats);
  EXPECT_TRUE(Parse("--stats 64 vmlinux")->stats);
  EXPECT_EQ(Parse("--stats 64 vmlinux")->stats_file, "");
  EXPECT_TRUE(Parse("64 vmlinux --stats=run.json")->stats);
  EXPECT_EQ(Parse("64 vmlinux --stats=run.json")->stats_file, "run.json");
  EXPECT_EQ(Error("--stats= 64 vmlinux"), "--stats=: --stats alone, or --stats=FILE, is needed");
}

TEST(OptionsTest, SingleDashIsNotAnOption) { EXPECT_EQ(Parse("64 vmlinux -")->command_line, "-"); }

TEST(OptionsTest, UsageListsOptionsAndExitStatuses) {
  for (const std::string_view part : {"--block", "--tunnet", "--sharenet", "--initrd", "--host",
                                      "--stats", "--verbose", "--help", "--version", "0 ", "70 "}) {
    EXPECT_THAT(std::string(UsageText()), HasSubstr(std::string(part)));
  }
}

TEST(OptionsTest, TooManyDevicesAreRefused_F23) {
  std::string line;
  for (int i = 0; i < 15; ++i) absl::StrAppend(&line, "--block=disk", i, " ");
  EXPECT_TRUE(Parse(line + "64 vmlinux").ok());
  EXPECT_THAT(Error(line + "--sharenet=net 64 vmlinux"), HasSubstr("16 devices are given"));
}

TEST(OptionsTest, SameTapTwiceIsRefused_F23) {
  EXPECT_TRUE(Parse("--tunnet=fd:5 --tunnet=fd:6 64 vmlinux").ok());
  EXPECT_THAT(Error("--tunnet=fd:5 --tunnet=fd:5 64 vmlinux"),
              HasSubstr("--tunnet=fd:5 is given twice"));
}

}  // namespace
}  // namespace lguest
