// DMA lists with every kind of bad address and length, sent to every device and bound as its
// receive buffer. Only a bad list kills the guest, and no byte of the disk changes.

#include <cstdint>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include "devices/console/console.h"
#include "gtest/gtest.h"
#include "hostsim/testing/test_platform.h"
#include "launcher/tests/adversarial/machine.h"

namespace lguest {
namespace {

using hostsim::Script;

constexpr uint32_t kSent = 0xa000;
constexpr uint32_t kBound = 0xa100;
constexpr uint32_t kGood = 0xb000;

struct Target {
  const char* name;
  DmaKey output;  // output key of the device
  DmaKey input;   // key of its receive buffers
  uint32_t irq;
};

constexpr Target kTargets[] = {
    {"Block", kBlockKey, kBlockKey, kBlockIrq},
    {"Tun", NetSlotKey(kTunPage, 0), NetSlotKey(kTunPage, 1), kTunIrq},
    {"ShareNet", NetSlotKey(kSharePage, 1), NetSlotKey(kSharePage, 0), kShareIrq},
    {"Console", kConsoleKey, kConsoleKey, kConsoleIrq},
};

// On a slow platform, the lists are tested with one device: the devices do not depend on the CPU.
std::vector<Target> TargetsUnderTest() {
  const size_t count = hostsim::CurrentTestPlatform().is_slow ? 1 : std::size(kTargets);
  return {kTargets, kTargets + count};
}

struct Attack {
  const char* name;
  std::vector<Script::Section> sections;
  std::string death;        // part of the reason; empty: the guest survives
  bool is_one_page = true;  // each section is within one page, as the shared network requires
  uint32_t at = 0;          // address of the list; 0: a valid address
};

std::vector<Script::Section> Sixteen(Script::Section last) {
  std::vector<Script::Section> sections(16, {kGood, 16});
  sections.back() = last;
  return sections;
}

const std::vector<Attack>& Attacks() {
  static const auto* const kAttacks = new std::vector<Attack>{
      {"EmptyList", {}, ""},
      {"OneByte", {{kGood, 1}}, ""},
      {"PastTheTop", {{kTop - 1, 2}}, "bad dma section 0: address 0x43fff len 2"},
      {"AtTheTop", {{kTop, 1}}, "bad dma section 0: address 0x44000 len 1"},
      {"JustFits", {{kTop - 0xffff, 0xffff}}, "", false},
      {"WrapsTo0", {{0xffffffff, 1}}, "bad dma section 0: address 0xffffffff len 1"},
      {"WrapsFar", {{0xffff0001, 0xffff}}, "bad dma section 0: address 0xffff0001 len 65535"},
      {"SignBit", {{0x80000000, 4096}}, "bad dma section 0: address 0x80000000 len 4096"},
      {"HostArea", {{0xffc00000, 4096}}, "bad dma section 0: address 0xffc00000 len 4096"},
      {"VirtualAddress", {{0xc000b000, 16}}, "bad dma section 0: address 0xc000b000 len 16"},
      {"LastIsBad", {{kGood, 1}, {kGood, 1}, {0xfffffffc, 4}}, "bad dma section 2"},
      {"SixteenthIsBad", Sixteen({kTop, 16}), "bad dma section 15: address 0x44000 len 16"},
      {"SixteenHuge", std::vector<Script::Section>(16, {kGood, 0xffff}), "", false},
      {"OverTheListItself", {{kSent, 100}, {kBound, 1500}}, ""},
      {"OverTheDescriptors", {{kDescriptors, 4096}}, ""},
      {"OverTheBlockPage", {{kBlockPage.value(), 4096}}, ""},
      {"OverTheTunPage", {{kTunPage.value(), 4096}}, ""},
      {"OverTheSharedPage", {{kSharePage.value(), 4096}}, ""},
      {"AcrossPages", {{kGood + 1, 4096}}, "", false},
      {"OddAddresses", {{kGood + 1, 3}, {kGood + 5, 5}, {kGood + 11, 7}}, ""},
      {"ListAtTheTop", {{kGood, 64}}, "", true, kTop - uint32_t{sizeof(Dma)}},
      {"ListPastTheTop", {}, "bad dma address 0x43fff", true, kTop - 1},
      {"ListBeyondMemory", {}, "bad dma address 0xfffffff0", true, 0xfffffff0},
      {"ListInTheBlockPage", {{kGood, 64}}, "", true, kBlockPage.value()},
      {"ListInTheTunPage", {{kGood, 64}}, "", true, kTunPage.value() + 1000},
      {"ListInTheSharedPage", {{kGood, 64}}, "", true, kSharePage.value() + 1000},
      {"ListInTheDescriptors", {{kGood, 64}}, "", true, kDescriptors},
  };
  return *kAttacks;
}

class DmaListTest : public testing::TestWithParam<std::tuple<AttackerCpu, Target, size_t>> {
 protected:
  const Target& target() const { return std::get<1>(GetParam()); }
  const Attack& attack() const { return Attacks()[std::get<2>(GetParam())]; }
  bool IsShareNet() const { return target().irq == kShareIrq; }

  // Writes the attack's list to its address, if there is memory.
  GuestPhys Put(Script& script, uint32_t usual) const {
    const uint32_t at = attack().at == 0 ? usual : attack().at;
    if (at <= kTop - sizeof(Dma)) script.Dma(at, attack().sections);
    return GuestPhys(at);
  }

  void ExpectOutcome(const Script& script, const std::string& death) {
    const std::string outcome = machine_.Run(script, std::get<0>(GetParam()));
    if (death.empty()) {
      EXPECT_EQ(outcome, kFinalReason);
      EXPECT_TRUE(machine_.screen().ends_with("alive"));
    } else {
      EXPECT_NE(outcome.find(death), std::string::npos) << outcome;
    }
    EXPECT_EQ(machine_.Disk(), AttackMachine::UntouchedDisk());
    EXPECT_LE(machine_.notices(), 8);
  }

  AttackMachine machine_;
};

TEST_P(DmaListTest, Sent) {
  Script script;
  script.Init();
  // A write whose length differs from every list, so no byte of the disk may change.
  RequestBlock(script, 1, 0, 0x7fffffff);
  script.Dma(kBound, {{0xc000, 512}}).Bind(kBlockKey, GuestPhys(kBound), 1, kBlockIrq);
  const GuestPhys dma = Put(script, kSent);
  script.Send(target().output, dma);
  AppendFinalCheck(script);
  const bool is_refused = IsShareNet() && !attack().is_one_page;
  ExpectOutcome(script, is_refused ? "bad DMA entry: " : attack().death);
}

TEST_P(DmaListTest, Bound) {
  uint32_t room = 0;
  for (const Script::Section& section : attack().sections) room += section.len;
  Script script;
  script.Init();
  const bool is_block = target().irq == kBlockIrq;
  const bool is_refused = IsShareNet() && !attack().is_one_page;
  RequestBlock(script, 0, 0, 512);
  const GuestPhys dma = Put(script, kBound);
  script.Bind(target().input, dma, 1, target().irq);
  // Pending input goes into the buffer or kills the guest. The device silently drops a packet that
  // does not fit.
  constexpr uint32_t kPacket = 1500;
  if (is_block) {
    script.Dma(kSent, {}).Send(kBlockKey, GuestPhys(kSent));
  } else if (!attack().death.empty() || is_refused ||
             room >= (target().irq == kTunIrq ? kPacket : 1)) {
    script.Wait(target().irq);
  }
  script.Unbind(target().input,
                dma);  // otherwise it would be filled again when the script resets its length to 0
  AppendFinalCheck(script);
  // The 2.6.23 host fails to read a buffer without memory.
  const std::string death =
      attack().death.starts_with("bad dma address") ? "bad read address" : attack().death;
  ExpectOutcome(script, is_refused ? "bad DMA entry: " : death);
}

INSTANTIATE_TEST_SUITE_P(EveryAttack, DmaListTest,
                         testing::Combine(testing::ValuesIn(CpusUnderTest()),
                                          testing::ValuesIn(TargetsUnderTest()),
                                          testing::Range(size_t{0}, Attacks().size())),
                         [](const auto& each) {
                           const char* cpu = std::get<0>(each.param) == AttackerCpu::kScripted
                                                 ? "Scripted"
                                                 : "Code";
                           return cpu + std::string(std::get<1>(each.param).name) +
                                  Attacks()[std::get<2>(each.param)].name;
                         });

}  // namespace
}  // namespace lguest
