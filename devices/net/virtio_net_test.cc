#include "devices/net/virtio_net.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "devices/testing/fake_packet_backend.h"
#include "devices/testing/virtio_machine.h"

namespace lguest {
namespace {

using Input = Device::Input;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kInput = 0;
constexpr size_t kOutput = 1;
constexpr uint32_t kBuffer = VirtioMachine::kData;
constexpr NetPeer kMac = {{2, 0, 1, 2, 0, 0}};

// The parameter is the size of the header.
class VirtioNetTest : public testing::TestWithParam<uint32_t> {
 protected:
  uint32_t header() const { return GetParam(); }

  FakeNetwork network_;
  std::vector<std::string> log_;
  VirtioNet net_{"net", std::make_unique<FakePacketBackend>(network_), kMac, GetParam(),
                 [this](const std::string& line) { log_.push_back(line); }};
  VirtioMachine machine_{net_};
};

INSTANTIATE_TEST_SUITE_P(Generations, VirtioNetTest,
                         testing::Values(kVirtioNetHeaderSize2624, kVirtioNetHeaderSize,
                                         kVirtioNetHeaderSizeModern));

TEST_P(VirtioNetTest, ConfigurationIsTheMac) {
  EXPECT_EQ(net_.config().size(), 6u);
  EXPECT_EQ(std::to_integer<int>(net_.config()[2]), 1);
  EXPECT_EQ(net_.features(), kVirtioNetMac);
}

TEST_P(VirtioNetTest, PacketIsSentWithoutItsHeader) {
  machine_.Put(kBuffer, std::string(header(), '\0') + "packet");
  machine_.ring(kOutput).Add({{kBuffer, header(), false}, {kBuffer + header(), 6, false}});
  machine_.ring(kOutput).Add({{kBuffer, header() + 3, false}});
  ASSERT_TRUE(net_.Notify(kOutput).ok());
  EXPECT_THAT(network_.from_guest, ElementsAre("packet", "pac"));
  EXPECT_EQ(machine_.ring(kOutput).used_index(), 2);
}

TEST_P(VirtioNetTest, PacketShorterThanItsHeaderKills) {
  machine_.ring(kOutput).Add({{kBuffer, header() - 1, false}});
  EXPECT_THAT(std::string(net_.Notify(kOutput).message()), HasSubstr("with a header of"));
  EXPECT_THAT(network_.from_guest, IsEmpty());
}

TEST_P(VirtioNetTest, PacketThatTheNetworkRefusesIsLost) {
  network_.write_error = absl::InternalError("down");
  machine_.ring(kOutput).Add({{kBuffer, header() + 3, false}});
  ASSERT_TRUE(net_.Notify(kOutput).ok());
  EXPECT_EQ(machine_.ring(kOutput).used_index(), 1);
  EXPECT_THAT(log_, ElementsAre("net: dropped a packet from the guest: down (logged only once)"));
}

TEST_P(VirtioNetTest, PacketIsReceivedBehindAHeader) {
  machine_.Put(kBuffer, std::string(64, 'x'));
  network_.to_guest = {"answer"};
  machine_.ring(kInput).Add({{kBuffer, header(), true}, {kBuffer + header(), 1500, true}});
  EXPECT_EQ(*net_.Receive(), Input::kLast);
  EXPECT_EQ(machine_.Get(kBuffer + header(), 6), "answer");
  EXPECT_EQ(machine_.ring(kInput).used_entry(0).length, header() + 6);
  std::string expected(header(), '\0');
  if (header() == kVirtioNetHeaderSizeModern) expected[10] = 1;
  EXPECT_EQ(machine_.Get(kBuffer, header()), expected);
  EXPECT_EQ(machine_.interrupts(), 1);
}

TEST_P(VirtioNetTest, PacketWaitsForABuffer) {
  network_.to_guest = {"answer"};
  EXPECT_EQ(*net_.Receive(), Input::kNoRoom);
  EXPECT_EQ(network_.to_guest.size(), 1u);
}

TEST_P(VirtioNetTest, NoPacketLeavesTheBuffer) {
  machine_.ring(kInput).Add({{kBuffer, 1500, true}});
  EXPECT_EQ(*net_.Receive(), Input::kNone);
  network_.to_guest = {"answer"};
  EXPECT_EQ(*net_.Receive(), Input::kLast);
}

TEST_P(VirtioNetTest, PacketThatDoesNotFitIsDropped) {
  network_.to_guest = {std::string(101, 'p'), "short"};
  machine_.ring(kInput).Add({{kBuffer, header() + 100, true}});
  EXPECT_EQ(*net_.Receive(), Input::kMore);
  EXPECT_EQ(machine_.ring(kInput).used_index(), 0);
  EXPECT_EQ(*net_.Receive(), Input::kLast);
  EXPECT_EQ(machine_.Get(kBuffer + header(), 5), "short");
}

TEST_P(VirtioNetTest, BufferSmallerThanAHeaderKills) {
  network_.to_guest = {"answer"};
  machine_.ring(kInput).Add({{kBuffer, header() - 1, true}});
  EXPECT_TRUE(absl::IsInvalidArgument(net_.Receive().status()));
}

}  // namespace
}  // namespace lguest
