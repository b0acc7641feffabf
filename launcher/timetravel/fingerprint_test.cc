#include "launcher/timetravel/fingerprint.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "devices/testing/fake_console_backend.h"
#include "devices/testing/memory_block_backend.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/timetravel/hash.h"

namespace lguest::timetravel {
namespace {

using hostsim::Register;

TEST(HashTest, DependsOnTheBytesAndNotOnTheirPieces) {
  Hash pieces;
  pieces.Add("ab", 2);
  pieces.Add("", 0);
  pieces.Add("c", 1);
  EXPECT_EQ(pieces.value(), HashOf("abc", 3));
  EXPECT_NE(pieces.value(), HashOf("abd", 3));
}

TEST(FingerprintTest, EachRegisterCounts) {
  const auto memory = GuestMemory::Create(1u << 20).value();
  hostsim::ScriptedVcpu cpu(*memory, hostsim::Script());
  uint64_t last = HashOfRegisters(cpu);
  for (auto reg = static_cast<uint8_t>(Register::kEax); reg <= static_cast<uint8_t>(Register::kGs);
       ++reg) {
    cpu.Set(static_cast<Register>(reg), 1);
    const uint64_t hash = HashOfRegisters(cpu);
    EXPECT_NE(hash, last) << static_cast<int>(reg);
    last = hash;
  }
  cpu.SetPageDirectory(GuestPhys(4096));
  EXPECT_NE(HashOfRegisters(cpu), last);
}

TEST(FingerprintTest, TextNamesEachItem) {
  const Fingerprint print = {.instructions = 7,
                             .time = 3'000'000'014,
                             .memory = 1,
                             .registers = 2,
                             .console = 3,
                             .disks = 0xffffffffffffffff};
  EXPECT_EQ(print.Text(),
            "instructions=7 time=3.000000014 memory=0000000000000001 registers=0000000000000002 "
            "console=0000000000000003 disks=ffffffffffffffff");
}

TEST(FingerprintTest, OnlyConsoleOutputThatIsTakenCounts) {
  FakeUser user;
  user.room = 2;
  Hash hash;
  HashedConsole console(std::make_unique<FakeConsoleBackend>(user), hash);
  std::string text = "abc";
  const iovec piece = {.iov_base = text.data(), .iov_len = text.size()};
  EXPECT_EQ(*console.Write(std::span(&piece, 1)), 2u);
  EXPECT_EQ(hash.value(), HashOf("ab", 2));
}

TEST(FingerprintTest, DeviceAndPlaceOfADiskWriteCount) {
  const auto hash_of = [](uint32_t device, uint64_t offset, std::string text) {
    std::string bytes(16, '\0');
    Hash hash;
    HashedBlock disk(device, std::make_unique<MemoryBlockBackend>(bytes), hash);
    const iovec piece = {.iov_base = text.data(), .iov_len = text.size()};
    EXPECT_TRUE(disk.WriteAt(offset, std::span(&piece, 1)).ok());
    return hash.value();
  };
  EXPECT_EQ(hash_of(0, 4, "text"), hash_of(0, 4, "text"));
  EXPECT_NE(hash_of(0, 4, "text"), hash_of(1, 4, "text"));
  EXPECT_NE(hash_of(0, 4, "text"), hash_of(0, 5, "text"));
  EXPECT_NE(hash_of(0, 4, "text"), hash_of(0, 4, "tex"));
  EXPECT_NE(hash_of(0, 4, "text"), hash_of(0, 4, "texu"));
}

}  // namespace
}  // namespace lguest::timetravel
