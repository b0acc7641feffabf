#include "devices/virtio/pci_bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "devices/testing/pci_bus_fixture.h"
#include "devices/virtio/virtqueue.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

TEST_F(PciBusTest, RestartMovesBarsBackAndStopsQueues) {
  EnableQueue();
  ASSERT_TRUE(WriteConfig(kConsole, 0x10, 4, kBar + 16 * kPageSize).ok());
  ASSERT_TRUE(bus_->Restart().ok());
  EXPECT_EQ(*io_->ReadPort(0xcf8, 4), 0u);
  EXPECT_TRUE(io_->IsDeviceMemory(GuestPhys(kBar)));
  EXPECT_FALSE(io_->IsDeviceMemory(GuestPhys(kBar + 16 * kPageSize)));
  EXPECT_EQ(Read(kStatus, 1), 0u);
  EXPECT_EQ(Read(kQueueEnable, 2), 0u);
}

}  // namespace
}  // namespace lguest
