// Tests of the device page and of NOTIFY (VIRTIO_ABI.md §6).

#include "devices/virtio/lguest_bus.h"

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

constexpr uint32_t kRam = 16 * kPageSize;
constexpr uint32_t kRings = kRam + kPageSize;
constexpr uint32_t kRingSize = 3 * kPageSize;

class LguestBusTest : public testing::Test {
 protected:
  // A block device, then a console.
  void Create(DeviceInterface format = DeviceInterface::kDescriptors) {
    std::vector<std::unique_ptr<VirtioDevice>> devices;
    devices.push_back(std::make_unique<FakeVirtioDevice>(VirtioType::kBlock, 1, logs_[0]));
    devices.push_back(std::make_unique<FakeVirtioDevice>(VirtioType::kConsole, 2, logs_[1]));
    auto bus = LguestBus::Create(*memory_, host_, GuestPhys(kRam), format, std::move(devices));
    ASSERT_TRUE(bus.ok()) << bus.status();
    bus_ = *std::move(bus);
  }

  template <typename T>
  T At(uint32_t address) {
    return *memory_->Read<T>(GuestPhys(address));
  }
  template <typename T>
  void Put(uint32_t address, T value) {
    ASSERT_TRUE(memory_->Write(GuestPhys(address), value).ok());
  }
  absl::Status Notify(uint32_t address) { return bus_->Notify({.address = GuestPhys(address)}); }

  // Offsets of the first descriptor.
  static constexpr uint32_t kStatus = kRam + 4;
  static constexpr uint32_t kOffered = kRam + 5 + 8;
  static constexpr uint32_t kAccepted = kOffered + 4;
  static constexpr uint32_t kConfig = kAccepted + 4;
  static constexpr uint32_t kSecond = kConfig + 16;  // the second descriptor

  std::unique_ptr<GuestMemory> memory_ =
      *GuestMemory::Create(kRam + LguestBus::PagesNeeded(3) * kPageSize);
  FakeHost host_;
  std::array<VirtioDeviceLog, 2> logs_;
  std::unique_ptr<LguestBus> bus_;
};

TEST_F(LguestBusTest, DescriptorHasEveryField) {
  Create();
  EXPECT_EQ(At<uint8_t>(kRam), 2);       // block
  EXPECT_EQ(At<uint8_t>(kRam + 1), 1);   // queues
  EXPECT_EQ(At<uint8_t>(kRam + 2), 4);   // bytes of features
  EXPECT_EQ(At<uint8_t>(kRam + 3), 16);  // bytes of configuration
  EXPECT_EQ(At<uint8_t>(kStatus), 0);
  const auto queue = At<BusQueue>(kRam + 5);
  EXPECT_EQ(queue.size, 256);
  EXPECT_EQ(queue.irq, 1);
  EXPECT_EQ(queue.pfn, kRings / kPageSize);
  EXPECT_EQ(At<uint32_t>(kOffered), 0x24u | 1u << 28);
  EXPECT_EQ(At<uint32_t>(kAccepted), 0u);
  EXPECT_EQ(At<uint64_t>(kConfig), 0x1122334455u);
  EXPECT_EQ(At<uint32_t>(kConfig + 12), 0x66778899u);
}

TEST_F(LguestBusTest, SecondDescriptorFollowsAndTheListEnds) {
  Create();
  EXPECT_EQ(At<uint8_t>(kSecond), 3);
  EXPECT_EQ(At<BusQueue>(kSecond + 5).irq, 2);
  EXPECT_EQ(At<BusQueue>(kSecond + 13).irq, 3);
  EXPECT_EQ(At<BusQueue>(kSecond + 13).pfn, (kRings + 2 * kRingSize) / kPageSize);
  EXPECT_EQ(At<uint8_t>(kSecond + 5 + 16 + 8 + 16), 0);
}

TEST_F(LguestBusTest, RecordsOf2624) {
  Create(DeviceInterface::kRecords);
  EXPECT_EQ(At<uint8_t>(kRam), 2);
  EXPECT_EQ(At<uint8_t>(kRam + 1), 10 + 6 + 10 + 6);
  EXPECT_EQ(At<uint8_t>(kRam + 2), 0);  // status
  EXPECT_EQ(At<BusField>(kRam + 3).type, 2);
  EXPECT_EQ(At<BusField>(kRam + 3).size, 8);
  EXPECT_EQ(At<BusQueue>(kRam + 5).pfn, kRings / kPageSize);
  EXPECT_EQ(At<BusField>(kRam + 13).type, 0x40);
  EXPECT_EQ(At<uint32_t>(kRam + 15), 0x24u) << "no indirect descriptors";
  EXPECT_EQ(At<BusField>(kRam + 19).type, 0x41);
  EXPECT_EQ(At<uint64_t>(kRam + 21), 0x1122334455u);
  EXPECT_EQ(At<BusField>(kRam + 29).type, 0x43);
  EXPECT_EQ(At<uint32_t>(kRam + 31), 0x66778899u);
  EXPECT_EQ(At<uint8_t>(kRam + 35), 3) << "the next record";
}

TEST_F(LguestBusTest, RingAddressNotifiesItsQueue) {
  Create();
  ASSERT_TRUE(Notify(kRings).ok());
  ASSERT_TRUE(Notify(kRings + 2 * kRingSize).ok());
  EXPECT_THAT(logs_[0].notified, ElementsAre(0));
  EXPECT_THAT(logs_[1].notified, ElementsAre(1));
}

TEST_F(LguestBusTest, OtherAddressesKill) {
  Create();
  for (const uint32_t address : {kRam + 1, kRings - 1, kRings + 1, kRings + kPageSize,
                                 kRings + 3 * kRingSize, 0xffffffffu, 0xfffff000u}) {
    EXPECT_THAT(std::string(Notify(address).message()), HasSubstr("bad NOTIFY address")) << address;
  }
  EXPECT_THAT(logs_[0].notified, IsEmpty());
}

TEST_F(LguestBusTest, TextGoesToTheConsole) {
  Create();
  ASSERT_TRUE(memory_->WriteBytes(GuestPhys(0x100), std::as_bytes(std::span("hello"))).ok());
  ASSERT_TRUE(Notify(0x100).ok());
  EXPECT_EQ(logs_[1].early_output, "hello");
  EXPECT_EQ(logs_[0].early_output, "");
}

TEST_F(LguestBusTest, EndlessTextIsCut) {
  Create();
  const std::vector<std::byte> text(kPageSize, std::byte{'x'});
  ASSERT_TRUE(memory_->WriteBytes(GuestPhys(0x1000), text).ok());
  ASSERT_TRUE(Notify(0x1000).ok());
  EXPECT_EQ(logs_[1].early_output.size(), 256u);
}

TEST_F(LguestBusTest, ResetEmptiesTheRings) {
  Create();
  Put<uint16_t>(kRings + kPageSize + 2, 5);  // available index
  Put<uint32_t>(kAccepted, 0x24);
  ASSERT_TRUE(Notify(kRam).ok());  // the status is 0
  EXPECT_EQ(At<uint16_t>(kRings + kPageSize + 2), 0);
  EXPECT_EQ(At<uint32_t>(kAccepted), 0u);
}

TEST_F(LguestBusTest, ResetInMidRequestForgetsIt) {
  Create();
  FakeRing ring(*memory_, kRings);
  ring.Add({{0x100, 4, true}});
  VirtqChain chain;
  ASSERT_TRUE(*logs_[0].queues[0].Pop(chain));
  ASSERT_TRUE(Notify(kRam).ok());
  EXPECT_FALSE(*logs_[0].queues[0].Pop(chain));
  FakeRing again(*memory_, kRings);
  again.Add({{0x200, 8, true}});
  ASSERT_TRUE(*logs_[0].queues[0].Pop(chain));
  EXPECT_EQ(chain.writable.size(), 8u);
  ASSERT_TRUE(logs_[0].queues[0].Push(chain, 0).ok());
  EXPECT_EQ(again.used_index(), 1);
}

TEST_F(LguestBusTest, ResetIsOfOneDevice) {
  Create();
  FakeRing ring(*memory_, kRings + kRingSize);
  ring.Add({{0x100, 4, true}});
  ASSERT_TRUE(Notify(kRam).ok());
  VirtqChain chain;
  EXPECT_TRUE(*logs_[1].queues[0].Pop(chain));
}

TEST_F(LguestBusTest, IndirectNeedsAcceptance) {
  Create();
  const auto pop_indirect = [&] {
    Put<VirtqDescriptor>(kRings,
                         {.address = 0x300, .length = 16, .flags = kVirtqIndirect, .next = 0});
    Put<VirtqDescriptor>(0x300, {.address = 0x400, .length = 4, .flags = 0, .next = 0});
    Put<uint16_t>(kRings + kPageSize + 2, 1);
    VirtqChain chain;
    return logs_[0].queues[0].Pop(chain).ok();
  };
  EXPECT_FALSE(pop_indirect());
  Put<uint8_t>(kStatus, 3);
  Put<uint32_t>(kAccepted, 0x24);  // others
  ASSERT_TRUE(Notify(kRam).ok());
  EXPECT_FALSE(pop_indirect());
  Put<uint32_t>(kAccepted, 1u << 28);
  ASSERT_TRUE(Notify(kRam).ok());
  EXPECT_TRUE(pop_indirect());
}

TEST_F(LguestBusTest, PageThatTheGuestRewritesChangesNothing) {
  Create();
  for (uint32_t at = 0; at < kPageSize; ++at) Put<uint8_t>(kRam + at, 0xff);
  ASSERT_TRUE(Notify(kRings).ok());
  EXPECT_THAT(logs_[0].notified, ElementsAre(0));
  EXPECT_TRUE(Notify(kRam).ok());
  EXPECT_TRUE(Notify(kSecond).ok());
}

TEST_F(LguestBusTest, EachStatusBitIsReportedOnce) {
  Create();
  EXPECT_FALSE(bus_->HasStatusChanges());
  Put<uint8_t>(kStatus, 3);
  ASSERT_TRUE(bus_->HasStatusChanges());
  const auto changes = bus_->StatusChanges();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].describe, "fake: acknowledged, driver found");
  EXPECT_FALSE(changes[0].failed());
  EXPECT_FALSE(bus_->HasStatusChanges());
  Put<uint8_t>(kStatus, 0x83);
  EXPECT_TRUE(bus_->StatusChanges()[0].failed());
}

TEST_F(LguestBusTest, QueuesRaiseTheirOwnInterrupts) {
  Create();
  for (Virtqueue& queue : logs_[1].queues) ASSERT_TRUE(queue.Interrupt().ok());
  EXPECT_THAT(host_.interrupts(), ElementsAre(2, 3));
}

TEST_F(LguestBusTest, InterruptOfADeadGuestIsNoError) {
  Create();
  host_.Kill();
  EXPECT_TRUE(logs_[0].queues[0].Interrupt().ok());
}

TEST_F(LguestBusTest, MoreQueuesThanInterruptsAreRefused) {
  std::vector<std::unique_ptr<VirtioDevice>> devices;
  devices.reserve(16);
  for (int i = 0; i < 16; ++i) {
    devices.push_back(std::make_unique<FakeVirtioDevice>(VirtioType::kNet, 2, logs_[0]));
  }
  const auto bus = LguestBus::Create(*memory_, host_, GuestPhys(kRam),
                                     DeviceInterface::kDescriptors, std::move(devices));
  EXPECT_TRUE(absl::IsInvalidArgument(bus.status()));
  EXPECT_THAT(std::string(bus.status().message()), HasSubstr("32 queues"));
}

TEST_F(LguestBusTest, PagesMustFit) {
  std::vector<std::unique_ptr<VirtioDevice>> devices;
  devices.push_back(std::make_unique<FakeVirtioDevice>(VirtioType::kNet, 4, logs_[0]));
  const auto bus = LguestBus::Create(*memory_, host_, GuestPhys(kRam),
                                     DeviceInterface::kDescriptors, std::move(devices));
  EXPECT_TRUE(absl::IsOutOfRange(bus.status()));
}

}  // namespace
}  // namespace lguest
