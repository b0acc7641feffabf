// Attacks on the disk. No sector may change without a valid request.

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "launcher/tests/adversarial/attack.h"
#include "launcher/tests/adversarial/machine.h"

namespace lguest {
namespace {

using hostsim::Script;

constexpr uint32_t kPage = kBlockPage.value();
constexpr uint32_t kResult = kPage + 12;
constexpr uint32_t kSent = 0xa000;
constexpr uint32_t kReply = 0xa800;
constexpr uint32_t kData = 0xb000;
constexpr uint32_t kRead = 0;
constexpr uint32_t kWrite = 1;

// Binds a reply buffer, and sends the DMA list at kSent.
void Send(Script& script, const std::vector<Script::Section>& reply) {
  script.Dma(kReply, reply)
      .Bind(kBlockKey, GuestPhys(kReply), 1, kBlockIrq)
      .Send(kBlockKey, GuestPhys(kSent))
      .Unbind(kBlockKey, GuestPhys(kReply));
}

// A request that fails: the device's page asks for `bytes` of sector `sector`, and the DMA list has
// `list` bytes.
void Fail(Script& script, uint32_t type, uint32_t sector, uint32_t bytes, uint16_t list) {
  RequestBlock(script, static_cast<int32_t>(type), sector, bytes);
  const std::vector<Script::Section> sections = {{kData, list}};
  script.Put(kData, std::string(16, 'X'));
  script.Dma(kSent, type == kWrite ? sections : std::vector<Script::Section>());
  Send(script, type == kWrite ? std::vector<Script::Section>() : sections);
  script.Expect32(kResult, 2);
  script.Expect(kData, std::string(16, 'X'));
}

const std::vector<Attack>& Attacks() {
  static const auto* const kAttacks = new std::vector<Attack>{
      {"ReadsPastTheEnd", [](Script& s) { Fail(s, kRead, 64, 512, 512); }},
      {"WritesPastTheEnd_B57", [](Script& s) { Fail(s, kWrite, 64, 512, 512); }},
      {"ReadsAcrossTheEnd_B58", [](Script& s) { Fail(s, kRead, 63, 1024, 1024); }},
      {"WritesAcrossTheEnd_B58", [](Script& s) { Fail(s, kWrite, 63, 1024, 1024); }},
      {"ReadsTheLastSectorOf32Bits", [](Script& s) { Fail(s, kRead, 0xffffffff, 512, 512); }},
      {"WritesTheLastSectorOf32Bits", [](Script& s) { Fail(s, kWrite, 0xffffffff, 512, 512); }},
      {"WritesWhereBytesWrapTo0_B55", [](Script& s) { Fail(s, kWrite, 0x800000, 512, 512); }},
      {"WritesAtTheSignBit", [](Script& s) { Fail(s, kWrite, 0x80000000, 512, 512); }},
      {"WritesMoreThanTheListHas_B58", [](Script& s) { Fail(s, kWrite, 0, 1024, 512); }},
      {"WritesLessThanTheListHas_B58", [](Script& s) { Fail(s, kWrite, 0, 512, 1024); }},
      {"Writes4Gigabytes", [](Script& s) { Fail(s, kWrite, 0, 0xffffffff, 512); }},
      {"WritesSoThatTheEndWraps", [](Script& s) { Fail(s, kWrite, 63, 0xfffffe00, 512); }},
      {"ReadsMoreThanTheListHas", [](Script& s) { Fail(s, kRead, 0, 0x8000, 512); }},
      {"ReadsLessThanTheListHas", [](Script& s) { Fail(s, kRead, 0, 512, 1024); }},
      {"WritesNothingBeyondTheEnd", [](Script& s) { Fail(s, kWrite, 65, 0, 0); }},
      {"ClaimsToHave4GigaSectors",
       [](Script& s) {
         s.Put32(kPage + 16, 0xffffffff);
         Fail(s, kWrite, 64, 512, 512);
       }},
      {"PresetsTheResult",
       [](Script& s) {
         RequestBlock(s, 1, 64, 512);
         s.Put32(kResult, 1).Dma(kSent, {{kData, 512}});
         Send(s, {});
         s.Expect32(kResult, 2);
       }},
      {"Type2_B61",
       [](Script& s) {
         RequestBlock(s, 2, 0, 512);
         s.Dma(kSent, {{kData, 512}});
         Send(s, {});
       },
       "block disk: bad request type 2"},
      {"TypeMinus1_B61",
       [](Script& s) {
         RequestBlock(s, -1, 0, 512);
         s.Dma(kSent, {{kData, 512}});
         Send(s, {});
       },
       "block disk: bad request type -1"},
      {"WriteWithoutReply_B05",
       [](Script& s) {
         RequestBlock(s, 1, 0, 512);
         s.Dma(kSent, {{kData, 512}}).Send(kBlockKey, GuestPhys(kSent));
       },
       "a request without a buffer for the reply"},
      {"ReplyInUse",
       [](Script& s) {
         RequestBlock(s, 1, 0, 512);
         s.Dma(kSent, {{kData, 512}}).Dma(kReply, {}, 1);
         s.Bind(kBlockKey, GuestPhys(kReply), 1, kBlockIrq).Send(kBlockKey, GuestPhys(kSent));
       },
       "a request without a buffer for the reply"},
      {"RequestWhileOneIsPending",
       [](Script& s) {
         RequestBlock(s, 0, 0, 512);
         s.Dma(kSent, {}).Dma(kReply, {{kData, 512}});
         s.Bind(kBlockKey, GuestPhys(kReply), 1, kBlockIrq);
         s.Ring(Hypercall::kSendDma, kBlockKey.value(), kSent);
         s.Ring(Hypercall::kSendDma, kBlockKey.value(), kSent);
         s.Call(Hypercall::kFlushAsync);
       },
       "a request without a buffer for the reply"},
      {"ReplyOverwritesRequest_B04",
       [](Script& s) {
         RequestBlock(s, 0, 7, 512);
         s.Dma(kSent, {});
         Send(s, {{kPage, 512}});
         // Sector 7. The result byte was written over it.
         s.Expect(kPage, std::string(12, '!' + 7)).Expect32(kResult, 1);
       }},
      {"ReplyOverItsOwnList_B04",
       [](Script& s) {
         RequestBlock(s, 0, 7, 512);
         s.Dma(kSent, {});
         Send(s, {{kReply, 512}});
         s.Expect32(kReply, 512).Expect(kReply + 4, std::string(508, '!' + 7));
       }},
      {"ReplyOverTheSentList_B04",
       [](Script& s) {
         RequestBlock(s, 0, 7, 512);
         s.Dma(kSent, {});
         Send(s, {{kSent, 512}});
         s.Expect32(kSent, 0).Expect(kSent + 4, std::string(508, '!' + 7));
       }},
      {"ReplyInSixteenPieces",
       [](Script& s) {
         RequestBlock(s, 0, 7, 512);
         std::vector<Script::Section> pieces(16);
         for (uint32_t i = 0; i < 16; ++i) pieces[i] = {kData + 3 * 32 * i, 32};
         s.Dma(kSent, {});
         Send(s, pieces);
         s.Expect32(kResult, 1).Expect(kData + 3 * 32 * 15, std::string(32, '!' + 7));
       }},
      {"RequestChangesBeforeItIsSent",
       [](Script& s) {
         RequestBlock(s, 1, 0, 512);
         s.Dma(kSent, {{kData, 512}}).Dma(kReply, {});
         s.Bind(kBlockKey, GuestPhys(kReply), 1, kBlockIrq);
         s.Ring(Hypercall::kSendDma, kBlockKey.value(), kSent);
         s.Put32(kPage + 4, 64).Call(Hypercall::kFlushAsync).Expect32(kResult, 2);
       }},
      {"KeyInsideTheDevicePage",
       [](Script& s) {
         RequestBlock(s, 1, 0, 512);
         s.Dma(kSent, {{kData, 512}});
         for (uint32_t key = kPage + 4; key < kPage + 100; key += 4) {
           s.Send(DmaKey(key), GuestPhys(kSent));
         }
         s.Expect32(kResult, 0);
       }},
      {"FloodOfBadRequests_B08",
       [](Script& s) {
         s.Dma(kSent, {{kData, 512}}).Dma(kReply, {});
         s.Bind(kBlockKey, GuestPhys(kReply), 1, kBlockIrq);
         for (uint32_t i = 0; i < 500; ++i) {
           RequestBlock(s, 1, 0x10000 + i, 512);
           s.Put32(kReply, 0).Send(kBlockKey, GuestPhys(kSent)).Expect32(kResult, 2);
         }
       }},
  };
  return *kAttacks;
}

class BlockAttackTest : public AttackTest {};

TEST_P(BlockAttackTest, IsSurvived) { Survive(); }

INSTANTIATE_TEST_SUITE_P(Each, BlockAttackTest, testing::ValuesIn(OnEveryCpu(Attacks())),
                         AttackName);

// Shows that the attacks could have changed the disk with a valid request.
TEST(BlockTest, ValidWriteChangesOnlyItsSectors) {
  for (const AttackerCpu cpu : {AttackerCpu::kScripted, AttackerCpu::kCode}) {
    Script script;
    script.Init().Put(kData, std::string(1024, 'W'));
    RequestBlock(script, 1, 9, 1024);
    script.Dma(kSent, {{kData, 1000}, {kData + 1000, 24}});
    Send(script, {});
    script.Expect32(kResult, 1);
    AppendFinalCheck(script);
    AttackMachine machine;
    EXPECT_EQ(machine.Run(script, cpu), kFinalReason);
    std::string disk = AttackMachine::UntouchedDisk();
    disk.replace(size_t{9} * kSectorSize, 1024, std::string(1024, 'W'));
    EXPECT_EQ(machine.Disk(), disk);
  }
}

}  // namespace
}  // namespace lguest
