// Runs that --script has written down: the scripted CPU does to our devices what the guest did.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <deque>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "devices/block/block_device.h"
#include "devices/bus/device_bus.h"
#include "devices/console/console.h"
#include "devices/net/tun_net.h"
#include "devices/testing/fake_console_backend.h"
#include "devices/testing/fake_packet_backend.h"
#include "devices/testing/memory_block_backend.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/scripted_machine.h"
#include "launcher/run_loop.h"

namespace lguest {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint32_t kRam = 16u << 20;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The bytes of the lines `expect` that follow a comment of input.
std::deque<std::string> InputsOf(std::string_view script) {
  std::deque<std::string> inputs;
  bool in_input = false;
  for (std::string_view line : absl::StrSplit(script, '\n')) {
    if (line.starts_with("# input")) {
      inputs.emplace_back();
      in_input = true;
    } else if (in_input && absl::ConsumePrefix(&line, "expect ")) {
      const std::string_view bytes = line.substr(line.find(' ') + 1);
      inputs.back() += bytes.starts_with('"') ? std::string(bytes.substr(1, bytes.size() - 2))
                                              : absl::HexStringToBytes(bytes);
    } else {
      in_input = false;
    }
  }
  return inputs;
}

// A network whose descriptor is always readable, and whose MAC is the recorded one.
class ReadyNetwork final : public PacketBackend {
 public:
  ReadyNetwork(FakeNetwork& network, NetPeer mac) : packets_(network), mac_(mac) {
    EXPECT_EQ(pipe(pipe_.data()), 0);
    EXPECT_EQ(write(pipe_[1], "x", 1), 1);
  }
  ~ReadyNetwork() override {
    for (const int fd : pipe_) close(fd);
  }
  int fd() const override { return pipe_[0]; }
  NetPeer mac() const override { return mac_; }
  bool IsReadable() const override { return packets_.IsReadable(); }
  absl::StatusOr<size_t> Read(const IoVector& to) override { return packets_.Read(to); }
  absl::Status Write(std::span<const iovec> packet) override { return packets_.Write(packet); }

 private:
  FakePacketBackend packets_;
  const NetPeer mac_;
  std::array<int, 2> pipe_ = {};
};

class ScriptReplayTest : public testing::Test {
 protected:
  ScriptReplayTest() { user_.end_of_input = true; }

  // Replays the script on `device` and a console.
  void Replay(const std::string& text, std::unique_ptr<Device> device) {
    hostsim::ScriptedMachine machine(hostsim::Script::Parse(text).value(), kRam + 2 * kPageSize);
    std::vector<std::unique_ptr<Device>> devices;
    devices.push_back(std::move(device));
    devices.push_back(std::make_unique<Console>(std::make_unique<FakeConsoleBackend>(user_)));
    const std::unique_ptr<DeviceBus> bus =
        DeviceBus::Create(machine.memory(), machine.host(), GuestPhys(kRam), std::move(devices))
            .value();
    ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
    EXPECT_EQ(*RunGuest(machine.host(), *bus, nullptr, nullptr), "CRASH: Power down");
    EXPECT_THAT(machine.cpu().failures(), IsEmpty());
    EXPECT_TRUE(machine.cpu().finished());
  }

  FakeUser user_;
};

TEST_F(ScriptReplayTest, Disk) {
  std::string disk;
  while (disk.size() < 4096) disk.push_back(static_cast<char>(disk.size()));
  Replay(
      ReadFile("testdata/scripts/disk.script"),
      std::make_unique<BlockDevice>("disk", std::make_unique<MemoryBlockBackend>(disk), nullptr));
  EXPECT_THAT(user_.output, HasSubstr("PASS disk\r\n"));
}

TEST_F(ScriptReplayTest, Network) {
  const std::string text = ReadFile("testdata/scripts/net.script");
  FakeNetwork network;
  network.to_guest = InputsOf(text);
  EXPECT_EQ(network.to_guest.size(), 5u);  // the answer to the ARP request, and those to four pings
  // The first packet comes from the gateway, so it has its MAC. The guest sees it in the page of
  // the device, where the lowest bit marks a promiscuous peer.
  NetPeer mac;
  std::memcpy(&mac, network.to_guest.front().data() + sizeof(mac), sizeof(mac));
  Replay(text, std::make_unique<TunNet>("net", std::make_unique<ReadyNetwork>(network, mac)));
  EXPECT_THAT(user_.output, HasSubstr("PASS net\r\n"));
  EXPECT_EQ(network.from_guest.size(), 5u);
  EXPECT_THAT(network.to_guest, IsEmpty());
}

TEST_F(ScriptReplayTest, OtherDiskIsNoticed) {
  std::string disk(4096, 'x');
  hostsim::ScriptedMachine machine(
      hostsim::Script::Parse(ReadFile("testdata/scripts/disk.script")).value(),
      kRam + 2 * kPageSize);
  std::vector<std::unique_ptr<Device>> devices;
  devices.push_back(
      std::make_unique<BlockDevice>("disk", std::make_unique<MemoryBlockBackend>(disk), nullptr));
  devices.push_back(std::make_unique<Console>(std::make_unique<FakeConsoleBackend>(user_)));
  const std::unique_ptr<DeviceBus> bus =
      DeviceBus::Create(machine.memory(), machine.host(), GuestPhys(kRam), std::move(devices))
          .value();
  ASSERT_TRUE(machine.host().Initialize(machine.boot()).ok());
  EXPECT_TRUE(RunGuest(machine.host(), *bus, nullptr, nullptr).ok());
  EXPECT_THAT(machine.cpu().failures(), Not(IsEmpty()));
}

}  // namespace
}  // namespace lguest
