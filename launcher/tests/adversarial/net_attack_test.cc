// Attacks on the networks and on their other users.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "devices/console/console.h"
#include "gtest/gtest.h"
#include "launcher/tests/adversarial/attack.h"
#include "launcher/tests/adversarial/machine.h"

namespace lguest {
namespace {

using hostsim::Script;

constexpr uint32_t kDma = 0xa000;
constexpr uint32_t kText = 0xb000;

const std::vector<Attack>& Attacks() {
  static const auto* const kAttacks = new std::vector<Attack>{
      {"SendsToItself",
       [](Script& s) {
         s.Dma(kDma, {{kText, 64}}, 77).Send(NetSlotKey(kSharePage, 0), GuestPhys(kDma));
         s.Expect32(kDma, 77);
       }},
      {"SendsToEverySlotWithoutAnOwner",
       [](Script& s) {
         s.Dma(kDma, {{kText, 64}}, 77);
         for (uint32_t slot = 2; slot < kNetPeersPerPage; ++slot) {
           s.Send(NetSlotKey(kSharePage, slot), GuestPhys(kDma));
         }
         s.Expect32(kDma, 77);
       }},
      {"FloodsItsPeer",
       [](Script& s) {
         s.Dma(kDma, {{kText, 1500}});
         for (int i = 0; i < 1000; ++i) s.Send(NetSlotKey(kSharePage, 1), GuestPhys(kDma));
         s.Expect32(kDma, 0);  // the queue is full
       }},
      {"FloodsItsHost_B54",
       [](Script& s) {
         s.Dma(kDma, {{kText, 1500}});
         for (int i = 0; i < 1000; ++i) s.Send(NetSlotKey(kTunPage, 0), GuestPhys(kDma));
         s.Expect32(kDma, 0);
       }},
      {"SendsAMegabyte",
       [](Script& s) {
         s.Dma(kDma, std::vector<Script::Section>(16, {kText, 0xffff}));
         s.Send(NetSlotKey(kTunPage, 0), GuestPhys(kDma)).Expect32(kDma, 0);
       }},
      {"SendsNothing",
       [](Script& s) {
         s.Dma(kDma, {}, 77).Send(NetSlotKey(kTunPage, 0), GuestPhys(kDma)).Expect32(kDma, 0);
         s.Dma(kDma, {}, 77).Send(NetSlotKey(kSharePage, 1), GuestPhys(kDma)).Expect32(kDma, 0);
       }},
      {"ClaimsEveryAddress_B72",
       [](Script& s) {
         s.Put(kSharePage.value(), std::string(kPageSize, '\xff'));
         s.Put(kTunPage.value(), std::string(kPageSize, '\xff'));
       }},
      {"ReceivesWithoutRoom_B50",
       [](Script& s) {
         s.Dma(kDma, {}).Bind(NetSlotKey(kTunPage, 1), GuestPhys(kDma), 1, kTunIrq);
         s.Call(Hypercall::kSetClockevent, 5'000'000).Wait(0).Expect32(kDma, 0);
       }},
      {"ReceivesWithTooLittleRoom_B51",
       [](Script& s) {
         s.Dma(kDma, {{kText, 100}}).Bind(NetSlotKey(kTunPage, 1), GuestPhys(kDma), 1, kTunIrq);
         s.Call(Hypercall::kSetClockevent, 5'000'000).Wait(0).Expect32(kDma, 0);
       }},
      {"ReceivesOverTheNextBuffer",
       [](Script& s) {
         s.Dma(kDma, {{kDma + 100, 1500}}).Dma(kDma + 100, {{kText, 1500}});
         s.Bind(NetSlotKey(kTunPage, 1), GuestPhys(kDma), 2, kTunIrq).Wait(kTunIrq);
         s.Expect32(kDma, 1500).Expect(kDma + 100, std::string(100, 'p'));
       }},
      {"ReceivesAcrossPages",
       [](Script& s) {
         s.Dma(kDma, {{kText - 1, 1500}});
         s.Bind(NetSlotKey(kSharePage, 0), GuestPhys(kDma), 1, kShareIrq).Wait(kShareIrq);
       },
       "bad DMA entry: 1500@0xafff"},
      {"SendsAPacketAcrossPages",
       [](Script& s) {
         s.Dma(kDma, {{kText, 4}, {kText + 1, 4096}});
         s.Send(NetSlotKey(kSharePage, 1), GuestPhys(kDma));
       },
       "bad DMA entry: 4096@0xb001"},
  };
  return *kAttacks;
}

class NetAttackTest : public AttackTest {};

TEST_P(NetAttackTest, IsSurvived) { Survive(); }

INSTANTIATE_TEST_SUITE_P(Each, NetAttackTest, testing::ValuesIn(OnEveryCpu(Attacks())), AttackName);

// Another guest, which repeatedly changes an lguest_dma in the shared page between valid and
// invalid, while this guest sends it.
class Rewriter {
 public:
  Rewriter(const std::string& path, uint32_t offset) {
    const UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(ftruncate(file.get(), kPageSize), 0);
    page_ = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    EXPECT_NE(page_, MAP_FAILED);
    thread_ = std::thread([this, offset] { Run(static_cast<std::byte*>(page_) + offset); });
  }
  ~Rewriter() {
    stopping_ = true;
    thread_.join();
    munmap(page_, kPageSize);
  }

 private:
  void Run(std::byte* list) const {
    Dma good = {};
    good.addr[0] = kText;
    good.len[0] = 64;
    Dma bad = good;
    bad.addr[0] = 0xffffff00;
    bad.len[0] = 0xffff;
    while (!stopping_) {
      std::memcpy(list, &bad, sizeof(bad));
      std::memcpy(list, &good, sizeof(good));
    }
  }

  void* page_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

class RewriteTest : public testing::TestWithParam<AttackerCpu> {
 protected:
  // Sends the list that Rewriter changes to `key`, 1000 times.
  void SendTo(DmaKey key) {
    constexpr uint32_t kOffset = 2048;
    Script script;
    script.Init();
    RequestBlock(script, 1, AttackMachine::kSectors, 64);  // beyond the end
    script.Dma(kDma, {}).Bind(kBlockKey, GuestPhys(kDma), 1, kBlockIrq);
    for (int i = 0; i < 1000; ++i) {
      script.Send(key, GuestPhys(kSharePage.value() + kOffset)).Put32(kDma, 0);
    }
    AppendFinalCheck(script);
    AttackMachine machine;
    const Rewriter rewriter(machine.NetFile(), kOffset);
    const std::string outcome = machine.Run(script, GetParam());
    EXPECT_TRUE(outcome == kFinalReason || outcome.find("bad dma section 0") != std::string::npos ||
                outcome.find("bad DMA entry") != std::string::npos)
        << outcome;
    EXPECT_EQ(machine.Disk(), AttackMachine::UntouchedDisk());
  }
};

TEST_P(RewriteTest, DiskList_B04) { SendTo(kBlockKey); }
TEST_P(RewriteTest, NetworkList_B04) { SendTo(NetSlotKey(kTunPage, 0)); }
TEST_P(RewriteTest, SharedNetworkList_B04) { SendTo(NetSlotKey(kSharePage, 1)); }
TEST_P(RewriteTest, ConsoleList_B04) { SendTo(kConsoleKey); }

INSTANTIATE_TEST_SUITE_P(Each, RewriteTest,
                         testing::Values(AttackerCpu::kScripted, AttackerCpu::kCode),
                         [](const auto& each) {
                           return std::string(each.param == AttackerCpu::kScripted ? "Scripted"
                                                                                   : "Code");
                         });

}  // namespace
}  // namespace lguest
