// Rules of PCI and its devices that a guest breaks: it dies.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "devices/testing/fake_virtio_device.h"
#include "devices/testing/pci_bus_fixture.h"
#include "devices/virtio/pci_bus.h"
#include "devices/virtio/virtqueue.h"

namespace lguest {
namespace {

using ::testing::HasSubstr;

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

// The other features do not stand for it.
TEST_F(PciBusTest, FeaturesOkWithOtherFeaturesOnlyKills) {
  MustWrite(kStatus, 1, 3);
  MustWrite(kDriverSelect, 4, 0);
  MustWrite(kDriverFeature, 4, 1u << 28);
  EXPECT_THAT(Death(kStatus, 1, 11), HasSubstr("VERSION_1"));
}

TEST_F(PciBusTest, EnableBeforeFeaturesOkKills) {
  PlaceQueue(ring_.place());
  EXPECT_THAT(Death(kQueueEnable, 2, 1), HasSubstr("before FEATURES_OK"));
  MustWrite(kStatus, 1, 3);
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
