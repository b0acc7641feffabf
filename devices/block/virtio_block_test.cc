#include "devices/block/virtio_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "devices/testing/faulty_block_backend.h"
#include "devices/testing/memory_block_backend.h"
#include "devices/testing/virtio_machine.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t kHeader = VirtioMachine::kData;
constexpr uint32_t kBuffer = VirtioMachine::kData + 0x1000;
constexpr uint32_t kStatus = VirtioMachine::kData + 0x800;
constexpr uint32_t kSectors = 64;
constexpr uint8_t kUntouched = 0x77;

class VirtioBlockTest : public testing::Test {
 protected:
  std::unique_ptr<VirtioBlock> Make(uint32_t header_size = 16, bool read_only = false) {
    std::unique_ptr<BlockBackend> backend =
        std::make_unique<FaultyBlockBackend>(std::make_unique<MemoryBlockBackend>(disk_), faults_);
    if (read_only) backend = std::make_unique<ReadOnlyBlock>(std::move(backend));
    return std::make_unique<VirtioBlock>("disk", std::move(backend), header_size,
                                         [this](const std::string& line) { log_.push_back(line); });
  }

  // Puts a request into the ring: the header, `data` and the status.
  void Add(VirtioMachine& machine, uint32_t type, uint64_t sector,
           const std::vector<FakeRing::Piece>& data) {
    machine.PutObject(kHeader, VirtioBlockHeader{.type = type, .priority = 0, .sector = sector});
    machine.PutObject(kStatus, kUntouched);
    std::vector<FakeRing::Piece> pieces = {{kHeader, 16, false}};
    pieces.insert(pieces.end(), data.begin(), data.end());
    pieces.push_back({kStatus, 1, true});
    machine.ring(0).Add(pieces);
  }
  static int Status(VirtioMachine& machine) { return machine.Get(kStatus, 1)[0]; }

  std::string disk_ = std::string(kSectors * kSectorSize, 'd');
  BlockFaults faults_;
  std::vector<std::string> log_;
};

TEST_F(VirtioBlockTest, ConfigurationTellsTheSize) {
  const auto device = Make();
  VirtioBlockConfig config;
  ASSERT_EQ(device->config().size(), sizeof(config));
  std::memcpy(&config, device->config().data(), sizeof(config));
  EXPECT_EQ(config.sectors, kSectors);
  EXPECT_EQ(config.segments_max, 126u);
  EXPECT_EQ(device->features(), kVirtioBlockSegmentsMax | kVirtioBlockFlush);
  EXPECT_EQ(Make(16, true)->features() & kVirtioBlockReadOnly, kVirtioBlockReadOnly);
}

TEST_F(VirtioBlockTest, ReadFillsTheBuffer) {
  disk_.replace(5 * kSectorSize, 4, "here");
  const auto device = Make();
  VirtioMachine machine(*device);
  Add(machine, kVirtioBlockRead, 5, {{kBuffer, 512, true}, {kBuffer + 512, 512, true}});
  ASSERT_TRUE(device->Notify(0).ok());
  EXPECT_EQ(Status(machine), 0);
  EXPECT_EQ(machine.Get(kBuffer, 6), "heredd");
  EXPECT_EQ(machine.ring(0).used_entry(0).length, 1025u);
  EXPECT_EQ(machine.interrupts(), 1);
}

TEST_F(VirtioBlockTest, WriteReachesTheDisk) {
  const auto device = Make();
  VirtioMachine machine(*device);
  machine.Put(kBuffer, std::string(512, 'w'));
  Add(machine, kVirtioBlockWrite | kVirtioBlockBarrier, kSectors - 1, {{kBuffer, 512, false}});
  ASSERT_TRUE(device->Notify(0).ok());
  EXPECT_EQ(Status(machine), 0);
  EXPECT_EQ(disk_.substr(disk_.size() - 513), "d" + std::string(512, 'w'));
  EXPECT_EQ(machine.ring(0).used_entry(0).length, 1u);
}

TEST_F(VirtioBlockTest, OneInterruptForManyRequests) {
  const auto device = Make();
  VirtioMachine machine(*device);
  for (int i = 0; i < 3; ++i) Add(machine, kVirtioBlockRead, 0, {{kBuffer, 512, true}});
  ASSERT_TRUE(device->Notify(0).ok());
  EXPECT_EQ(machine.ring(0).used_index(), 3);
  EXPECT_EQ(machine.interrupts(), 1);
}

TEST_F(VirtioBlockTest, HeaderAndStatusMayBeSplitAnywhere) {
  const auto device = Make();
  VirtioMachine machine(*device);
  machine.PutObject(kHeader, VirtioBlockHeader{.type = 0, .priority = 0, .sector = 1});
  machine.ring(0).Add({{kHeader, 3, false},
                       {kHeader + 3, 13, false},
                       {kBuffer, 100, true},
                       {kBuffer + 100, 413, true}});  // the last byte is the status
  ASSERT_TRUE(device->Notify(0).ok());
  EXPECT_EQ(machine.Get(kBuffer, 513), std::string(512, 'd') + '\0');
}

TEST_F(VirtioBlockTest, HeaderOf2624IsLonger) {
  const auto device = Make(sizeof(VirtioBlockHeader2624));
  VirtioMachine machine(*device);
  machine.PutObject(kHeader, VirtioBlockHeader2624{{.type = 1, .priority = 0, .sector = 2}, 99});
  machine.Put(kBuffer, std::string(512, 'w'));
  machine.ring(0).Add({{kHeader, 24, false}, {kBuffer, 512, false}, {kStatus, 1, true}});
  ASSERT_TRUE(device->Notify(0).ok());
  EXPECT_EQ(disk_.substr(2 * 512, 512), std::string(512, 'w'));
}

TEST_F(VirtioBlockTest, FlushSyncs) {
  const auto device = Make();
  VirtioMachine machine(*device);
  Add(machine, kVirtioBlockFlushRequest, 0, {});
  ASSERT_TRUE(device->Notify(0).ok());
  EXPECT_EQ(Status(machine), 0);
  EXPECT_EQ(faults_.syncs, 1);
  faults_.sync = absl::InternalError("no space");
  Add(machine, kVirtioBlockFlushRequest, 0, {});
  ASSERT_TRUE(device->Notify(0).ok());
  EXPECT_EQ(Status(machine), 1);
}

TEST_F(VirtioBlockTest, SyncsOnDestruction) {
  Make().reset();
  EXPECT_EQ(faults_.syncs, 1);
}

TEST_F(VirtioBlockTest, UnknownRequestIsUnsupported) {
  const auto device = Make();
  VirtioMachine machine(*device);
  for (const uint32_t type : {2u, 3u, 5u, 0x7fffffffu}) {
    Add(machine, type, 0, {{kBuffer, 512, true}});
    ASSERT_TRUE(device->Notify(0).ok());
    EXPECT_EQ(Status(machine), 2) << type;
  }
  EXPECT_EQ(faults_.transfers, 0);
}

TEST_F(VirtioBlockTest, RangesBeyondTheEndFail) {
  const auto device = Make();
  VirtioMachine machine(*device);
  for (const uint64_t sector : {uint64_t{kSectors}, uint64_t{kSectors} - 1, ~uint64_t{0},
                                ~uint64_t{0} / 512, uint64_t{1} << 55}) {
    Add(machine, kVirtioBlockRead, sector, {{kBuffer, 1024, true}});
    ASSERT_TRUE(device->Notify(0).ok());
    EXPECT_EQ(Status(machine), 1) << sector;
    Add(machine, kVirtioBlockWrite, sector, {{kBuffer, 1024, false}});
    ASSERT_TRUE(device->Notify(0).ok());
    EXPECT_EQ(Status(machine), 1) << sector;
  }
  EXPECT_EQ(faults_.transfers, 0);
  EXPECT_EQ(disk_, std::string(disk_.size(), 'd'));
}

TEST_F(VirtioBlockTest, WriteToAReadOnlyDiskFails) {
  const auto device = Make(16, true);
  VirtioMachine machine(*device);
  Add(machine, kVirtioBlockWrite, 0, {{kBuffer, 512, false}});
  ASSERT_TRUE(device->Notify(0).ok());
  EXPECT_EQ(Status(machine), 1);
  EXPECT_EQ(disk_, std::string(disk_.size(), 'd'));
}

TEST_F(VirtioBlockTest, FaultOfTheDiskIsLoggedOnce) {
  faults_.bad_byte = 700;
  const auto device = Make();
  VirtioMachine machine(*device);
  for (int i = 0; i < 2; ++i) {
    Add(machine, kVirtioBlockRead, 0, {{kBuffer, 1024, true}});
    ASSERT_TRUE(device->Notify(0).ok());
    EXPECT_EQ(Status(machine), 1);
    EXPECT_EQ(machine.ring(0).used_entry(static_cast<uint32_t>(i)).length, 1u);
  }
  EXPECT_THAT(log_, ElementsAre("block disk: Input/output error (logged only once)"));
}

TEST_F(VirtioBlockTest, RequestThatCannotBeAnsweredKills) {
  const std::vector<std::vector<FakeRing::Piece>> bad = {
      {{kHeader, 15, false}, {kStatus, 1, true}},
      {{kHeader, 16, false}},
      {{kStatus, 1, true}},
  };
  for (const auto& pieces : bad) {
    const auto device = Make();
    VirtioMachine machine(*device);
    machine.ring(0).Add(pieces);
    EXPECT_THAT(std::string(device->Notify(0).message()), HasSubstr("block disk: a request of"));
    EXPECT_EQ(machine.interrupts(), 0);
  }
  EXPECT_EQ(disk_, std::string(disk_.size(), 'd'));
}

// The disk contains a ring whose index is always ahead.
TEST_F(VirtioBlockTest, ReadIntoTheRingEnds) {
  const auto device = Make();
  VirtioMachine machine(*device);
  constexpr uint32_t kAvailable = 0x1000 + kPageSize;  // of VirtioMachine's first ring
  for (uint16_t round = 0; round < kSectors; ++round) {
    const uint16_t ring[] = {0, static_cast<uint16_t>(round + 2)};
    disk_.replace(round * kSectorSize, sizeof(ring), reinterpret_cast<const char*>(ring),
                  sizeof(ring));
  }
  Add(machine, kVirtioBlockRead, 0, {{kAvailable, 512, true}});
  // Ends: by a broken rule, or because the ring is empty.
  static_cast<void>(device->Notify(0));
  EXPECT_LE(machine.ring(0).used_index(), kVirtqueueSize);
}

}  // namespace
}  // namespace lguest
