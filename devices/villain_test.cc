// Guests that mean harm: every attack against every device, through the bus. The launcher lives, no
// byte of the disk changes that was not asked for, and the next honest request is served.

#include <array>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "devices/block_device.h"
#include "devices/console.h"
#include "devices/device_bus.h"
#include "devices/net_slot.h"
#include "devices/peer_sockets.h"
#include "devices/shared_net.h"
#include "devices/shared_net_file.h"
#include "devices/testing/fake_console_backend.h"
#include "devices/testing/fake_guest.h"
#include "devices/testing/fake_packet_backend.h"
#include "devices/testing/memory_block_backend.h"
#include "devices/testing/temp_dir.h"
#include "devices/tun_net.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

constexpr uint32_t kTop = FakeGuest::kSize;
constexpr uint32_t kDescriptors = FakeGuest::kRam;
constexpr GuestPhys kBlockPage(FakeGuest::kRam + 1 * kPageSize);
constexpr GuestPhys kTunPage(FakeGuest::kRam + 2 * kPageSize);
constexpr GuestPhys kSharePage(FakeGuest::kRam + 3 * kPageSize);
constexpr uint32_t kSent = 0x100;
constexpr uint32_t kBound = 0x200;
constexpr uint32_t kDiskSize = 64 * kSectorSize;

// A machine with one device of each kind, all of them with input waiting.
struct Machine {
  Machine() : disk(kDiskSize, 'd'), network(), user() {
    std::vector<std::unique_ptr<Device>> devices;
    devices.push_back(
        std::make_unique<BlockDevice>("disk", std::make_unique<MemoryBlockBackend>(disk), sink()));
    devices.push_back(
        std::make_unique<TunNet>("tun", std::make_unique<FakePacketBackend>(network), sink()));
    auto file = SharedNetFile::Open(dir.Path("net")).value();
    auto sockets = PeerSockets::Open(*file).value();
    devices.push_back(std::make_unique<SharedNet>(std::move(file), std::move(sockets), sink()));
    devices.push_back(
        std::make_unique<Console>(std::make_unique<FakeConsoleBackend>(user), sink()));
    bus = DeviceBus::Create(guest.memory(), guest.host(), GuestPhys(kDescriptors),
                            std::move(devices), sink())
              .value();
    peer = SharedNetFile::Open(dir.Path("net")).value();
    peer_sockets = PeerSockets::Open(*peer).value();
    network.to_guest.assign(4, std::string(1500, 'n'));
    user.types.assign(4, std::string(200, 'k'));
    std::string packet(1500, 's');
    const std::array<iovec, 1> pieces = {{{packet.data(), packet.size()}}};
    for (int i = 0; i < 4; ++i) peer_sockets->Send(0, pieces);
  }

  NoticeSink sink() {
    return [this](const std::string& line) { notices.push_back(line); };
  }

  void Request(int32_t type, uint32_t sector, uint32_t bytes) {
    ASSERT_TRUE(guest.memory()
                    .Write(kBlockPage, BlockPage{.type = type,
                                                 .sector = sector,
                                                 .bytes = bytes,
                                                 .result = 0,
                                                 .num_sectors = 0xffffffff})
                    .ok());
  }

  absl::Status Send(DmaKey key, GuestPhys dma) { return bus->Dispatch({dma, key}); }

  TempDir dir;
  FakeGuest guest;
  std::string disk;
  FakeNetwork network;
  FakeUser user;
  std::vector<std::string> notices;
  std::unique_ptr<SharedNetFile> peer;
  std::unique_ptr<PeerSockets> peer_sockets;
  std::unique_ptr<DeviceBus> bus;
};

struct Target {
  const char* name;
  size_t index;   // on the bus
  DmaKey output;  // where it listens
  DmaKey input;   // where it looks for buffers
};

constexpr Target kTargets[] = {
    {"Block", 0, DmaKey(kBlockPage.value()), DmaKey(kBlockPage.value())},
    {"Tun", 1, NetSlotKey(kTunPage, 0), NetSlotKey(kTunPage, 1)},
    {"ShareNet", 2, NetSlotKey(kSharePage, 1), NetSlotKey(kSharePage, 0)},
    {"Console", 3, kConsoleKey, kConsoleKey},
};

// A list to send, and to bind.
struct Attack {
  const char* name;
  std::vector<FakeGuest::Section> sections;
  uint32_t at =
      0;  // where the lguest_dma lies; 0: the usual place. Beyond memory: nothing is there
};

const std::vector<Attack>& Attacks() {
  static const auto* const kAttacks = new std::vector<Attack>{
      {"EmptyList", {}},
      {"OneByte", {{0x1000, 1}}},
      {"PastTheTop", {{kTop - 1, 2}}},
      {"AtTheTop", {{kTop, 1}}},
      {"JustFits", {{kTop - 0xffff, 0xffff}}},
      {"WrapsTo0", {{0xffffffff, 1}}},
      {"WrapsFar", {{0xffff0001, 0xffff}}},
      {"SignBit", {{0x80000000, 4096}}},
      {"LastIsBad", {{0x1000, 1}, {0x1000, 1}, {0xfffffffc, 4}}},
      {"SixteenHuge", std::vector<FakeGuest::Section>(16, {0x1000, 0xffff})},
      {"SixteenthIsBad",
       [] {
         std::vector<FakeGuest::Section> sections(16, {0x1000, 16});
         sections[15] = {kTop, 16};
         return sections;
       }()},
      {"OverTheListItself", {{kSent, 100}, {kBound, 100}}},
      {"OverTheDescriptors", {{kDescriptors, 4096}}},
      {"OverTheBlockPage", {{kBlockPage.value(), 4096}}},
      {"OverTheTunPage", {{kTunPage.value(), 4096}}},
      {"OverTheSharedPage", {{kSharePage.value(), 4096}}},
      {"AcrossPages", {{0x1fff, 4096}}},
      {"OddAddresses", {{0x1001, 3}, {0x1003, 5}, {0x1007, 7}}},
      {"ListAtTheTop", {{0x1000, 64}}, kTop - uint32_t{sizeof(Dma)}},
      {"ListPastTheTop", {}, kTop - 1},
      {"ListBeyondMemory", {}, 0xfffffff0},
      {"ListInTheBlockPage", {{0x1000, 64}}, kBlockPage.value()},
      {"ListInTheSharedPage", {{0x1000, 64}}, kSharePage.value()},
      {"ListInTheDescriptors", {{0x1000, 64}}, kDescriptors},
  };
  return *kAttacks;
}

class VillainTest : public testing::TestWithParam<std::tuple<Target, size_t>> {
 protected:
  const Target& target() const { return std::get<0>(GetParam()); }
  const Attack& attack() const { return Attacks()[std::get<1>(GetParam())]; }

  // Puts the attack's list where it belongs, if there is memory.
  GuestPhys Put(uint32_t usual) {
    const uint32_t at = attack().at == 0 ? usual : attack().at;
    if (machine_.guest.memory().Contains(GuestPhys(at), sizeof(Dma))) {
      machine_.guest.PutDma(at, attack().sections);
    }
    return GuestPhys(at);
  }

  // Whatever came before, an honest guest is served.
  void ExpectAlive() {
    machine_.guest.BindDma(DmaKey(kBlockPage.value()), 0x300, {{0x2000, 512}}, 1);
    // Buffers of the attack may still be bound before it, and be filled first.
    bool served = false;
    for (int i = 0; i < 4 && !served; ++i) {
      machine_.Request(0, 1, 512);
      const absl::Status sent =
          machine_.Send(DmaKey(kBlockPage.value()), machine_.guest.PutDma(kSent, {}));
      served = sent.ok() && machine_.guest.memory().Read<BlockPage>(kBlockPage)->result == 1 &&
               machine_.guest.Get(0x2000, 512) == machine_.disk.substr(512, 512);
    }
    EXPECT_TRUE(served);
    machine_.guest.Put(0x2000, "alive");
    EXPECT_TRUE(machine_.Send(kConsoleKey, machine_.guest.PutDma(kSent, {{0x2000, 5}})).ok());
    EXPECT_TRUE(machine_.user.sees.ends_with("alive"));
    EXPECT_LE(machine_.notices.size(), 8u);
  }

  Machine machine_;
};

TEST_P(VillainTest, SendsAndIsSurvived) {
  // A write whose length the list does not have, so that not one byte of the disk may change.
  machine_.Request(1, 0, 0x7fffffff);
  machine_.guest.BindDma(target().input, kBound, {{0x5000, 512}}, 1);
  const GuestPhys dma = Put(kSent);
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = machine_.Send(target().output, dma);
    EXPECT_TRUE(status.ok() || !status.message().empty());
  }
  EXPECT_EQ(machine_.disk, std::string(kDiskSize, 'd'));
  ExpectAlive();
}

TEST_P(VillainTest, BindsAndIsSurvived) {
  machine_.Request(0, 0, 512);
  const GuestPhys dma = Put(kBound);
  for (int i = 0; i < 3; ++i) machine_.guest.host().Bind(target().input, dma, 1);
  const GuestPhys empty = machine_.guest.PutDma(kSent, {});
  const absl::Status sent = machine_.Send(target().output, empty);
  EXPECT_TRUE(sent.ok() || !sent.message().empty());
  for (int i = 0; i < 3; ++i) {
    const auto input = machine_.bus->Receive(target().index);
    EXPECT_TRUE(input.ok() || !input.status().message().empty());
  }
  EXPECT_EQ(machine_.disk, std::string(kDiskSize, 'd'));
  ExpectAlive();
}

INSTANTIATE_TEST_SUITE_P(EveryAttack, VillainTest,
                         testing::Combine(testing::ValuesIn(kTargets),
                                          testing::Range(size_t{0}, Attacks().size())),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param).name) +
                                  Attacks()[std::get<1>(each.param)].name;
                         });

TEST(Villain, RewritesTheListBetweenCheckAndUse_B04) {
  Machine machine;
  const DmaChain chain = machine.guest.Chain(kSent, {{0x1000, 4}});
  machine.guest.PutDma(kSent, {{0xfffff000, 0xffff}});
  machine.guest.Put(0x1000, "text");
  ASSERT_TRUE(machine.bus->devices()[3]->Send(kConsoleKey, chain, machine.guest.port()).ok());
  EXPECT_EQ(machine.user.sees, "text");
}

TEST(Villain, EveryKeyInTheDevicePagesIsSurvived) {
  Machine machine;
  const GuestPhys dma = machine.guest.PutDma(kSent, {{0x1000, 4}});
  for (uint32_t key = kDescriptors; key < kTop; key += 2) {
    const absl::Status status = machine.Send(DmaKey(key), dma);
    ASSERT_TRUE(status.ok() || key == kBlockPage.value()) << status;
  }
  EXPECT_LE(machine.notices.size(), 8u);
  EXPECT_EQ(machine.disk, std::string(kDiskSize, 'd'));
}

TEST(Villain, RewritesItsDescriptors) {
  Machine machine;
  machine.guest.Put(kDescriptors, std::string(kPageSize, '\xff'));
  EXPECT_EQ(machine.bus->StatusChanges().size(), 4u);
  EXPECT_TRUE(machine.bus->StatusChanges().empty());
  machine.guest.Put(0x1000, "text");
  EXPECT_TRUE(machine.Send(kConsoleKey, machine.guest.PutDma(kSent, {{0x1000, 4}})).ok());
  EXPECT_EQ(machine.user.sees, "text");
}

TEST(Villain, FloodOfBadRequestsIsToldFewTimes_B08) {
  Machine machine;
  for (uint32_t i = 0; i < 20000; ++i) {
    machine.Request(static_cast<int32_t>(i % 2), 0x10000 + i, 512);
    machine.guest.BindDma(DmaKey(kBlockPage.value()), kBound, {{0x5000, 512}}, 1);
    ASSERT_TRUE(
        machine.Send(DmaKey(kBlockPage.value()), machine.guest.PutDma(kSent, {{0x1000, 512}}))
            .ok());
    ASSERT_TRUE(machine.Send(DmaKey(0x123456 + 4 * i), GuestPhys(i)).ok());
  }
  EXPECT_LE(machine.notices.size(), 8u);
  EXPECT_EQ(machine.disk, std::string(kDiskSize, 'd'));
}

}  // namespace
}  // namespace lguest
