// Tests of PCI configuration and of the registers in BAR 0 (VIRTIO_ABI.md §9).

#include "devices/virtio/pci_bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "devices/testing/fake_host.h"
#include "devices/testing/fake_ring.h"
#include "devices/testing/fake_virtio_device.h"
#include "launcher/guest/virtio_abi.h"

namespace lguest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Effect = GuestIo::Effect;

constexpr uint32_t kRam = 32 * kPageSize;
constexpr uint32_t kBar = kRam + 256 * kPageSize;  // of the console
constexpr uint32_t kBlockBar = kBar + kPageSize;
constexpr uint32_t kConsole = 1;  // device numbers
constexpr uint32_t kBlock = 2;

// Registers of BAR 0.
constexpr uint32_t kDeviceSelect = 0;
constexpr uint32_t kDeviceFeature = 4;
constexpr uint32_t kDriverSelect = 8;
constexpr uint32_t kDriverFeature = 12;
constexpr uint32_t kQueues = 18;
constexpr uint32_t kStatus = 20;
constexpr uint32_t kQueueSelect = 22;
constexpr uint32_t kQueueSize = 24;
constexpr uint32_t kQueueEnable = 28;
constexpr uint32_t kQueueDescriptors = 32;
constexpr uint32_t kNotify = 56;
constexpr uint32_t kIsr = 58;
constexpr uint32_t kConfig = 60;

class PciBusTest : public testing::Test {
 protected:
  PciBusTest() {
    std::vector<std::unique_ptr<VirtioDevice>> devices;
    devices.push_back(std::make_unique<FakeVirtioDevice>(VirtioType::kConsole, 2, logs_[0]));
    devices.push_back(std::make_unique<FakeVirtioDevice>(VirtioType::kBlock, 1, logs_[1]));
    bus_ = *PciBus::Create(*memory_, host_, kRam, std::move(devices));
    io_ = bus_->io();
  }

  void Select(uint32_t device, uint32_t reg) {
    ASSERT_TRUE(io_->WritePort(0xcf8, 4, 0x80000000 | device << 11 | (reg & 0xfc)).ok());
  }
  uint32_t ReadConfig(uint32_t device, uint32_t reg, uint32_t size) {
    Select(device, reg);
    const uint32_t mask = size == 4 ? ~0u : (1u << (8 * size)) - 1;
    return *io_->ReadPort(static_cast<uint16_t>(0xcfc + reg % 4), size) & mask;
  }
  absl::StatusOr<Effect> WriteConfig(uint32_t device, uint32_t reg, uint32_t size, uint32_t value) {
    Select(device, reg);
    return io_->WritePort(static_cast<uint16_t>(0xcfc + reg % 4), size, value);
  }

  // Of the block device.
  uint32_t Read(uint32_t reg, uint32_t size) {
    return *io_->ReadMemory(GuestPhys(kBlockBar + reg), size);
  }
  absl::StatusOr<Effect> Write(uint32_t reg, uint32_t size, uint32_t value) {
    return io_->WriteMemory(GuestPhys(kBlockBar + reg), size, value);
  }
  void MustWrite(uint32_t reg, uint32_t size, uint32_t value) {
    const auto effect = Write(reg, size, value);
    ASSERT_TRUE(effect.ok()) << effect.status();
    EXPECT_EQ(*effect, Effect::kNone);
  }
  std::string Death(uint32_t reg, uint32_t size, uint32_t value) {
    return std::string(Write(reg, size, value).status().message());
  }

  // The way of a driver, up to FEATURES_OK, with these features.
  void AcceptFeatures(uint32_t low = 0) {
    MustWrite(kStatus, 1, 1);
    MustWrite(kStatus, 1, 3);
    MustWrite(kDriverSelect, 4, 0);
    MustWrite(kDriverFeature, 4, low);
    MustWrite(kDriverSelect, 4, 1);
    MustWrite(kDriverFeature, 4, 1);
    MustWrite(kStatus, 1, 11);
    EXPECT_EQ(Read(kStatus, 1), 11u);
  }
  void PlaceQueue(const Virtqueue::Place& place) {
    MustWrite(kQueueSelect, 2, 0);
    MustWrite(kQueueSize, 2, place.size);
    uint32_t reg = kQueueDescriptors;
    for (const GuestPhys part : {place.descriptors, place.available, place.used}) {
      MustWrite(reg, 4, part.value());
      MustWrite(reg + 4, 4, 0);
      reg += 8;
    }
  }
  void EnableQueue() {
    AcceptFeatures();
    PlaceQueue(ring_.place());
    MustWrite(kQueueEnable, 2, 1);
    MustWrite(kStatus, 1, 15);
  }

  std::unique_ptr<GuestMemory> memory_ = *GuestMemory::Create(kRam);
  FakeHost host_;
  std::array<VirtioDeviceLog, 2> logs_;
  std::unique_ptr<PciBus> bus_;
  GuestIo* io_ = nullptr;
  FakeRing ring_{*memory_, 0x1000};
};

// ---- Configuration

TEST_F(PciBusTest, BridgeIsKnownByItsClass) {
  EXPECT_EQ(ReadConfig(0, 0x0a, 2), 0x0600u);
  EXPECT_EQ(ReadConfig(0, 0, 4), 0u);
  EXPECT_EQ(ReadConfig(0, 0x3c, 4), 0u);
}

TEST_F(PciBusTest, FunctionsHaveTheirIdentity) {
  EXPECT_EQ(ReadConfig(kConsole, 0, 4), 0x10431af4u);
  EXPECT_EQ(ReadConfig(kBlock, 0, 4), 0x10421af4u);
  EXPECT_EQ(ReadConfig(kBlock, 8, 4), 0x01800001u);
  EXPECT_EQ(ReadConfig(kBlock, 6, 2), 0x10u);
  EXPECT_EQ(ReadConfig(kBlock, 0x2e, 2), 0x40u);
  EXPECT_EQ(ReadConfig(kBlock, 0x3c, 2), 2u) << "interrupt line 2, pin 0";
  EXPECT_EQ(ReadConfig(kBlock, 0x10, 4), kBlockBar);
  EXPECT_EQ(ReadConfig(kBlock, 0x14, 4), 0u) << "one BAR";
}

TEST_F(PciBusTest, AbsentFunctionsReadOnes) {
  EXPECT_EQ(ReadConfig(3, 0, 4), 0xffffffffu);
  EXPECT_EQ(ReadConfig(31, 0, 2), 0xffffu);
  for (const uint32_t address : {0x80000900u, 0x80010800u, 0x00000800u}) {  // function, bus, off
    ASSERT_TRUE(io_->WritePort(0xcf8, 4, address).ok());
    EXPECT_EQ(*io_->ReadPort(0xcfc, 4), 0xffffffffu);
  }
  EXPECT_EQ(*io_->ReadPort(0x3f8, 1), 0xffffffffu);
}

TEST_F(PciBusTest, AddressRegisterIsWritableByBytes) {
  for (uint16_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(io_->WritePort(static_cast<uint16_t>(0xcf8 + i), 1, 0x11u * (i + 1)).ok());
  }
  EXPECT_EQ(*io_->ReadPort(0xcf8, 4), 0x44332211u);
  EXPECT_EQ(*io_->ReadPort(0xcfa, 2) & 0xffff, 0x4433u);
}

TEST_F(PciBusTest, AccessesThatLeaveTheRegisterHaveNoEffect) {
  Select(kBlock, 0x10);
  EXPECT_EQ(*io_->ReadPort(0xcfe, 4), 0xffffffffu);
  ASSERT_TRUE(io_->WritePort(0xcff, 2, 0).ok());
  ASSERT_TRUE(io_->WritePort(0xcfb, 2, 0).ok());
  EXPECT_EQ(ReadConfig(kBlock, 0x10, 4), kBlockBar);
}

TEST_F(PciBusTest, PortsThatLinuxWaitsFor) {
  EXPECT_EQ(*io_->ReadPort(0x64, 1), 1u);
  EXPECT_EQ(*io_->ReadPort(0x42, 1), 0u);
}

TEST_F(PciBusTest, BarTellsItsSize) {
  ASSERT_TRUE(WriteConfig(kBlock, 0x10, 4, 0xffffffff).ok());
  EXPECT_EQ(ReadConfig(kBlock, 0x10, 4), 0xfffff000u);
}

TEST_F(PciBusTest, BarMoves) {
  ASSERT_TRUE(WriteConfig(kBlock, 0x10, 4, 0xe0000000).ok());
  EXPECT_TRUE(io_->IsDeviceMemory(GuestPhys(0xe0000000)));
  EXPECT_FALSE(io_->IsDeviceMemory(GuestPhys(kBlockBar)));
  EXPECT_EQ(*io_->ReadMemory(GuestPhys(0xe0000000 + kQueues), 2), 1u);
  EXPECT_EQ(*io_->ReadMemory(GuestPhys(kBlockBar + kQueues), 2), 0xffffffffu);
}

TEST_F(PciBusTest, IdentityIsReadOnly) {
  for (uint32_t reg = 0; reg < 0x40; reg += 4) {
    if (reg == 0x10) continue;
    ASSERT_TRUE(WriteConfig(kBlock, reg, 4, 0xffffffff).ok());
  }
  EXPECT_EQ(ReadConfig(kBlock, 0, 4), 0x10421af4u);
  EXPECT_EQ(ReadConfig(kBlock, 8, 4), 0x01800001u);
  EXPECT_EQ(ReadConfig(kBlock, 0x34, 1), 0x40u);
  EXPECT_EQ(ReadConfig(kBlock, 4, 2), 0xffffu) << "the command is writable";
}

TEST_F(PciBusTest, CapabilitiesAreAListThatEnds) {
  std::vector<uint32_t> types;
  uint32_t at = ReadConfig(kBlock, 0x34, 1);
  for (int i = 0; i < 10 && at != 0; ++i) {
    EXPECT_EQ(ReadConfig(kBlock, at, 1), 9u);
    types.push_back(ReadConfig(kBlock, at + 3, 1));
    at = ReadConfig(kBlock, at + 1, 1);
  }
  EXPECT_THAT(types, ElementsAre(1, 2, 3, 5, 4));
}

// ---- The window

class WindowTest : public PciBusTest {
 protected:
  static constexpr uint32_t kWindow = 0x84;

  absl::StatusOr<Effect> WriteThrough(uint32_t offset, uint32_t length, uint32_t value,
                                      uint32_t bar = 0) {
    EXPECT_TRUE(WriteConfig(kConsole, kWindow + 4, 1, bar).ok());
    EXPECT_TRUE(WriteConfig(kConsole, kWindow + 8, 4, offset).ok());
    EXPECT_TRUE(WriteConfig(kConsole, kWindow + 12, 4, length).ok());
    return WriteConfig(kConsole, kWindow + 16, 4, value);
  }
};

TEST_F(WindowTest, EarlyConsoleWritesCharacters) {
  for (const char c : std::string("hi\n")) {
    EXPECT_EQ(*WriteThrough(kConfig + 8, 4, static_cast<uint8_t>(c)), Effect::kNotify);
    ASSERT_TRUE(bus_->Notify({}).ok());
  }
  EXPECT_EQ(logs_[0].early_output, "hi\n");
  EXPECT_EQ(logs_[1].early_output, "");
}

TEST_F(WindowTest, ReadsTheBar) {
  ASSERT_TRUE(WriteThrough(kStatus, 1, 1).ok());
  EXPECT_EQ(ReadConfig(kConsole, kWindow + 16, 4), 1u);
}

TEST_F(WindowTest, BadWindowKills) {
  EXPECT_FALSE(WriteThrough(kPageSize, 4, 0).ok());
  EXPECT_FALSE(WriteThrough(0xffffffff, 4, 0).ok());
  EXPECT_FALSE(WriteThrough(kConfig, 3, 0).ok());
  EXPECT_FALSE(WriteThrough(kConfig, 0, 0).ok());
  EXPECT_FALSE(WriteThrough(kConfig, 0xffffffff, 0).ok());
  EXPECT_FALSE(WriteThrough(kConfig, 4, 0, /*bar=*/1).ok());
}

TEST_F(WindowTest, BadWindowReadsOnes) {
  ASSERT_TRUE(WriteConfig(kConsole, kWindow + 8, 4, kPageSize).ok());
  EXPECT_EQ(ReadConfig(kConsole, kWindow + 16, 4), 0xffffffffu);
  ASSERT_TRUE(WriteConfig(kConsole, kWindow + 8, 4, 0xfffffffe).ok());
  EXPECT_EQ(ReadConfig(kConsole, kWindow + 16, 4), 0xffffffffu);
}

TEST_F(WindowTest, EmergencyWriteIsTheConsolesOnly) {
  EXPECT_EQ(*Write(kConfig + 8, 4, 'x'), Effect::kNone);
  EXPECT_EQ(logs_[1].early_output, "");
}

// ---- Registers

TEST_F(PciBusTest, FeaturesAreOfferedInTwoWords) {
  MustWrite(kDeviceSelect, 4, 0);
  EXPECT_EQ(Read(kDeviceFeature, 4), 0x24u | 1u << 28);
  MustWrite(kDeviceSelect, 4, 1);
  EXPECT_EQ(Read(kDeviceFeature, 4), 1u);
  MustWrite(kDeviceSelect, 4, 2);
  EXPECT_EQ(Read(kDeviceFeature, 4), 0u);
}

TEST_F(PciBusTest, ConfigurationOfTheDeviceIsReadable) {
  EXPECT_EQ(Read(kConfig, 4), 0x22334455u);
  EXPECT_EQ(Read(kConfig + 4, 1), 0x11u);
  EXPECT_EQ(Read(kConfig + 12, 4), 0x66778899u);
  EXPECT_EQ(Read(kConfig + 16, 4), 0u);
  EXPECT_EQ(Read(kPageSize - 1, 4), 0u);
}

TEST_F(PciBusTest, QueueIsNotified) {
  EnableQueue();
  EXPECT_EQ(*Write(kNotify, 2, 0), Effect::kNotify);
  EXPECT_THAT(logs_[1].notified, IsEmpty()) << "not inside the guest's instruction";
  ASSERT_TRUE(bus_->Notify({}).ok());
  EXPECT_THAT(logs_[1].notified, ElementsAre(0));
  ASSERT_TRUE(bus_->Notify({}).ok());
  EXPECT_EQ(logs_[1].notified.size(), 1u) << "once";
}

TEST_F(PciBusTest, InterruptSetsIsrWhichReadingClears) {
  EnableQueue();
  ASSERT_TRUE(logs_[1].queues[0].Interrupt().ok());
  EXPECT_THAT(host_.interrupts(), ElementsAre(2));
  EXPECT_EQ(Read(kIsr, 1), 1u);
  EXPECT_EQ(Read(kIsr, 1), 0u);
}

TEST_F(PciBusTest, ResetStopsQueuesAndForgetsAll) {
  EnableQueue();
  ring_.Add({{0x8000, 4, true}});
  VirtqChain chain;
  ASSERT_TRUE(*logs_[1].queues[0].Pop(chain));
  MustWrite(kStatus, 1, 0);
  EXPECT_EQ(Read(kStatus, 1), 0u);
  EXPECT_EQ(Read(kQueueEnable, 2), 0u);
  EXPECT_EQ(Read(kQueueSize, 2), 256u);
  EXPECT_FALSE(*logs_[1].queues[0].Pop(chain));
  EXPECT_THAT(Death(kNotify, 2, 0), HasSubstr("not enabled"));
  EnableQueue();
  EXPECT_EQ(Read(kQueueEnable, 2), 1u);
}

TEST_F(PciBusTest, AbsentQueueHasSizeZero) {
  EXPECT_EQ(Read(kQueues, 2), 1u);
  MustWrite(kQueueSelect, 2, 1);
  EXPECT_EQ(Read(kQueueSize, 2), 0u);
  EXPECT_THAT(Death(kQueueSize, 2, 16), HasSubstr("no such queue"));
  MustWrite(kQueueSelect, 2, 0xffff);
  EXPECT_EQ(Read(kQueueSize, 2), 0u);
}

TEST_F(PciBusTest, PlaceOfAQueueIsReadBack) {
  PlaceQueue(ring_.place());
  EXPECT_EQ(Read(kQueueDescriptors, 4), 0x1000u);
  EXPECT_EQ(Read(kQueueDescriptors + 16, 4), 0x3000u);
}

TEST_F(PciBusTest, StatusIsReportedOnceWithoutFeaturesOk) {
  AcceptFeatures();
  ASSERT_TRUE(bus_->HasStatusChanges());
  EXPECT_EQ(bus_->StatusChanges()[0].describe, "fake: acknowledged, driver found");
  EXPECT_FALSE(bus_->HasStatusChanges());
}

// ---- Broken rules

TEST_F(PciBusTest, FeaturesOutsideDriverKill) {
  EXPECT_THAT(Death(kDriverFeature, 4, 0), HasSubstr("wrong time"));
  AcceptFeatures();
  EXPECT_THAT(Death(kDriverFeature, 4, 0), HasSubstr("wrong time"));
}

TEST_F(PciBusTest, FeaturesThatAreNotOfferedKill) {
  MustWrite(kStatus, 1, 3);
  EXPECT_THAT(Death(kDriverFeature, 4, 1), HasSubstr("not offered"));
  MustWrite(kDriverSelect, 4, 1);
  EXPECT_THAT(Death(kDriverFeature, 4, 2), HasSubstr("not offered"));
  MustWrite(kDriverSelect, 4, 2);
  EXPECT_THAT(Death(kDriverFeature, 4, 1), HasSubstr("not offered"));
  MustWrite(kDriverFeature, 4, 0);
}

TEST_F(PciBusTest, FeaturesOkWithoutVersion1Kills) {
  MustWrite(kStatus, 1, 3);
  EXPECT_THAT(Death(kStatus, 1, 11), HasSubstr("VERSION_1"));
}

TEST_F(PciBusTest, EnableBeforeFeaturesOkKills) {
  PlaceQueue(ring_.place());
  EXPECT_THAT(Death(kQueueEnable, 2, 1), HasSubstr("before FEATURES_OK"));
}

TEST_F(PciBusTest, ChangeOfAnEnabledQueueKills) {
  EnableQueue();
  EXPECT_THAT(Death(kQueueSize, 2, 8), HasSubstr("enabled"));
  EXPECT_THAT(Death(kQueueDescriptors, 4, 0x5000), HasSubstr("enabled"));
  EXPECT_THAT(Death(kQueueEnable, 2, 1), HasSubstr("enabled"));
}

TEST_F(PciBusTest, OtherValueOfEnableKills) {
  AcceptFeatures();
  EXPECT_THAT(Death(kQueueEnable, 2, 0), HasSubstr("queue_enable"));
  EXPECT_THAT(Death(kQueueEnable, 2, 2), HasSubstr("queue_enable"));
}

TEST_F(PciBusTest, RingBeyondFourGigabytesKills) {
  AcceptFeatures();
  PlaceQueue(ring_.place());
  MustWrite(kQueueDescriptors + 12, 4, 1);
  EXPECT_THAT(Death(kQueueEnable, 2, 1), HasSubstr("queue part at 0x100002000"));
}

TEST_F(PciBusTest, BadRingKills) {
  AcceptFeatures();
  Virtqueue::Place place = ring_.place();
  place.used = GuestPhys(kRam);
  PlaceQueue(place);
  EXPECT_THAT(Death(kQueueEnable, 2, 1), HasSubstr("bad virtqueue"));
}

TEST_F(PciBusTest, NotificationOfADisabledQueueKills) {
  EXPECT_THAT(Death(kNotify, 2, 0), HasSubstr("not enabled"));
  EXPECT_THAT(Death(kNotify, 2, 1), HasSubstr("not enabled"));
  EXPECT_THAT(Death(kNotify, 4, 0xffffffff), HasSubstr("not enabled"));
}

TEST_F(PciBusTest, WrongWidthKills) {
  for (const auto& [reg, size] : std::vector<std::pair<uint32_t, uint32_t>>{{kDeviceSelect, 1},
                                                                            {kDeviceSelect, 2},
                                                                            {kStatus, 2},
                                                                            {kStatus, 4},
                                                                            {kQueueSelect, 1},
                                                                            {kQueueSelect, 4},
                                                                            {kQueueDescriptors, 2},
                                                                            {1, 4},
                                                                            {2, 4},
                                                                            {23, 1},
                                                                            {33, 4}}) {
    EXPECT_THAT(Death(reg, size, 0), HasSubstr("wrong width")) << reg << " " << size;
  }
}

TEST_F(PciBusTest, WritesToReadOnlyRegistersKill) {
  EXPECT_THAT(Death(kDeviceFeature, 4, 0), HasSubstr("read-only"));
  EXPECT_THAT(Death(kQueues, 2, 0), HasSubstr("read-only"));
  EXPECT_THAT(Death(21, 1, 0), HasSubstr("read-only"));
  EXPECT_THAT(Death(30, 2, 0), HasSubstr("read-only"));
  EXPECT_THAT(Death(kIsr, 1, 0), HasSubstr("read-only"));
}

TEST_F(PciBusTest, MsixVectorsAreNotThere) {
  MustWrite(16, 2, 3);
  MustWrite(26, 2, 3);
  EXPECT_EQ(Read(16, 2), 0xffffu);
  EXPECT_EQ(Read(26, 2), 0xffffu);
}

TEST_F(PciBusTest, TooManyDevicesAreRefused) {
  std::vector<std::unique_ptr<VirtioDevice>> devices;
  devices.reserve(17);
  for (int i = 0; i < 17; ++i) {
    devices.push_back(std::make_unique<FakeVirtioDevice>(VirtioType::kNet, 2, logs_[0]));
  }
  EXPECT_TRUE(
      absl::IsInvalidArgument(PciBus::Create(*memory_, host_, kRam, std::move(devices)).status()));
}

}  // namespace
}  // namespace lguest
