#include "devices/bus/device_bus.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "devices/testing/fake_guest.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

// The properties and answers of a device, and the calls it received. Outlives the device.
struct Script {
  DeviceType type = DeviceType::kBlock;
  uint16_t features = 0;
  uint16_t pages = 1;
  absl::StatusOr<std::optional<uint32_t>> answer = std::optional<uint32_t>(0);
  absl::Status attached;
  DevicePlace place;
  std::vector<uint32_t> sent_sizes;
};

class ScriptedDevice final : public Device {
 public:
  explicit ScriptedDevice(Script& script) : script_(script) {}
  std::string name() const override { return "scripted"; }
  DeviceType type() const override { return script_.type; }
  uint16_t features() const override { return script_.features; }
  uint16_t num_pages() const override { return script_.pages; }
  absl::Status Attach(GuestMemory& /*memory*/, const DevicePlace& place) override {
    script_.place = place;
    return script_.attached;
  }
  std::vector<DmaKey> output_keys() const override { return {DmaKey(script_.place.pages.value())}; }
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey /*key*/, const DmaChain& chain,
                                               DmaPort& /*port*/) override {
    script_.sent_sizes.push_back(chain.size());
    return script_.answer;
  }

 private:
  Script& script_;
};

class DeviceBusTest : public testing::Test {
 protected:
  std::vector<std::unique_ptr<Device>> Devices(size_t count) {
    scripts_.resize(count);
    std::vector<std::unique_ptr<Device>> devices;
    devices.reserve(count);
    for (Script& script : scripts_) devices.push_back(std::make_unique<ScriptedDevice>(script));
    return devices;
  }

  absl::StatusOr<std::unique_ptr<DeviceBus>> Create(std::vector<std::unique_ptr<Device>> devices,
                                                    uint32_t descriptors = FakeGuest::kRam) {
    return DeviceBus::Create(guest_.memory(), guest_.host(), GuestPhys(descriptors),
                             std::move(devices),
                             [this](const std::string& state) { log_lines_.push_back(state); });
  }

  DeviceDescriptor Descriptor(uint32_t index) {
    return guest_.memory()
        .Read<DeviceDescriptor>(
            GuestPhys(FakeGuest::kRam + index * uint32_t{sizeof(DeviceDescriptor)}))
        .value();
  }

  void SetStatus(uint32_t index, uint16_t status) {
    DeviceDescriptor descriptor = Descriptor(index);
    descriptor.status = status;
    ASSERT_TRUE(guest_.memory()
                    .Write(GuestPhys(FakeGuest::kRam + index * uint32_t{sizeof(DeviceDescriptor)}),
                           descriptor)
                    .ok());
  }

  FakeGuest guest_;
  std::vector<Script> scripts_;
  std::vector<std::string> log_lines_;
};

TEST_F(DeviceBusTest, AssignsDescriptorsPagesAndInterrupts) {
  auto devices = Devices(3);
  scripts_[0].features = kDeviceFeatureRandomness;
  scripts_[1].pages = 2;
  scripts_[1].type = DeviceType::kNet;
  scripts_[2].pages = 0;
  scripts_[2].type = DeviceType::kConsole;
  EXPECT_EQ(DeviceBus::PagesNeeded(devices), 4u);
  const auto bus = Create(std::move(devices));
  ASSERT_TRUE(bus.ok()) << bus.status();

  const uint32_t first_pfn = FakeGuest::kRam / kPageSize + 1;
  EXPECT_EQ(Descriptor(0).type, 3);
  EXPECT_EQ(Descriptor(0).features, 0x8000);
  EXPECT_EQ(Descriptor(0).num_pages, 1);
  EXPECT_EQ(Descriptor(0).pfn, first_pfn);
  EXPECT_EQ(Descriptor(1).type, 2);
  EXPECT_EQ(Descriptor(1).num_pages, 2);
  EXPECT_EQ(Descriptor(1).pfn, first_pfn + 1);
  EXPECT_EQ(Descriptor(2).type, 1);
  EXPECT_EQ(Descriptor(2).num_pages, 0);
  EXPECT_EQ(Descriptor(2).pfn, 0u);
  EXPECT_EQ(Descriptor(3).type, 0);
  EXPECT_EQ(scripts_[0].place.irq, 1u);
  EXPECT_EQ(scripts_[1].place.irq, 2u);
  EXPECT_EQ(scripts_[1].place.pages, GuestPhys((first_pfn + 1) * kPageSize));
  EXPECT_EQ(scripts_[2].place.irq, 3u);
}

TEST_F(DeviceBusTest, AtMostSixteenDevices_B86) {
  EXPECT_TRUE(Create(Devices(16)).ok());
  EXPECT_EQ(Create(Devices(17)).status().message(),
            "17 devices including the console: at most 16 are supported");
}

TEST_F(DeviceBusTest, PagesThatDoNotFitAreRefused_B86) {
  auto devices = Devices(1);
  scripts_[0].pages = FakeGuest::kDevicePages;
  EXPECT_TRUE(absl::IsOutOfRange(Create(std::move(devices)).status()));
  auto just_fits = Devices(1);
  scripts_[0].pages = FakeGuest::kDevicePages - 1;
  EXPECT_TRUE(Create(std::move(just_fits)).ok());
}

TEST_F(DeviceBusTest, DescriptorsFillAPage) {
  EXPECT_TRUE(absl::IsOutOfRange(Create(Devices(1), FakeGuest::kRam + 4).status()));
  EXPECT_TRUE(Create(Devices(1), FakeGuest::kRam + kPageSize).ok());
}

TEST_F(DeviceBusTest, FailedAttachIsReturned_B87) {
  auto devices = Devices(2);
  scripts_[1].attached = absl::ResourceExhaustedError("no room");
  EXPECT_TRUE(absl::IsResourceExhausted(Create(std::move(devices)).status()));
}

TEST_F(DeviceBusTest, TwoListenersAtOneKeyAreRefused) {
  auto devices = Devices(2);
  scripts_[0].pages = scripts_[1].pages = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(Create(std::move(devices)).status()));
}

TEST_F(DeviceBusTest, DispatchWritesUsedLen) {
  const auto bus = Create(Devices(2));
  scripts_[1].answer = std::optional<uint32_t>(5);
  const GuestPhys dma = guest_.PutDma(0x100, {{0x1000, 9}});
  ASSERT_TRUE((*bus)->Dispatch({dma, DmaKey(scripts_[1].place.pages.value())}).ok());
  EXPECT_TRUE(scripts_[0].sent_sizes.empty());
  EXPECT_EQ(scripts_[1].sent_sizes, std::vector<uint32_t>{9});
  EXPECT_EQ(guest_.UsedLen(dma), 5u);
}

TEST_F(DeviceBusTest, TrafficIsCountedByDevice) {
  auto devices = Devices(2);
  scripts_[1].answer = 40;
  const auto bus = Create(std::move(devices)).value();
  const DmaKey key(scripts_[1].place.pages.value());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(bus->Dispatch({guest_.PutDma(0x100, {{0x1000, 64}}), key}).ok());
  }
  EXPECT_EQ(bus->traffic(1).sent, 2u);
  EXPECT_EQ(bus->traffic(1).sent_bytes, 80u);
  EXPECT_EQ(bus->traffic(0).sent, 0u);
}

TEST_F(DeviceBusTest, UsedLenStaysWithoutReceiver) {
  const auto bus = Create(Devices(1));
  scripts_[0].answer = std::optional<uint32_t>();
  const GuestPhys dma = guest_.PutDma(0x100, {{0x1000, 9}});
  guest_.SetUsedLen(dma, 77);
  ASSERT_TRUE((*bus)->Dispatch({dma, DmaKey(scripts_[0].place.pages.value())}).ok());
  EXPECT_EQ(guest_.UsedLen(dma), 77u);
}

TEST_F(DeviceBusTest, DeviceErrorKeepsUsedLen) {
  const auto bus = Create(Devices(1));
  scripts_[0].answer = absl::InvalidArgumentError("bad");
  const GuestPhys dma = guest_.PutDma(0x100, {{0x1000, 9}});
  guest_.SetUsedLen(dma, 77);
  EXPECT_EQ((*bus)->Dispatch({dma, DmaKey(scripts_[0].place.pages.value())}).message(), "bad");
  EXPECT_EQ(guest_.UsedLen(dma), 77u);
}

TEST_F(DeviceBusTest, BadChainIsNotDispatched) {
  const auto bus = Create(Devices(1));
  const DmaKey key(scripts_[0].place.pages.value());
  EXPECT_TRUE(absl::IsOutOfRange(
      (*bus)->Dispatch({guest_.PutDma(0x100, {{0x1000, 1}, {FakeGuest::kSize, 1}}), key})));
  EXPECT_TRUE(absl::IsOutOfRange((*bus)->Dispatch({GuestPhys(0xfffffffe), key})));
  EXPECT_TRUE(scripts_[0].sent_sizes.empty());
}

TEST_F(DeviceBusTest, EmptyChainIsDispatched) {
  const auto bus = Create(Devices(1));
  const DmaKey key(scripts_[0].place.pages.value());
  EXPECT_TRUE((*bus)->Dispatch({guest_.PutDma(0x100, {}), key}).ok());
  EXPECT_EQ(scripts_[0].sent_sizes, std::vector<uint32_t>{0});
}

TEST_F(DeviceBusTest, UnmatchedKeyIsLoggedOnce_B08) {
  const auto bus = Create(Devices(1));
  const GuestPhys dma = guest_.PutDma(0x100, {{0x1000, 9}});
  guest_.SetUsedLen(dma, 77);
  for (uint32_t i = 0; i < 10000; ++i) {
    ASSERT_TRUE((*bus)->Dispatch({dma, DmaKey(0x123400 + 4 * i)}).ok());
  }
  EXPECT_TRUE((*bus)->Dispatch({GuestPhys(0xffffffff), DmaKey(3)}).ok());
  EXPECT_EQ(guest_.UsedLen(dma), 77u);
  EXPECT_EQ(
      log_lines_,
      std::vector<std::string>{
          "the guest sent DMA 0x100 to key 0x123400: no device listens there (logged only once)"});
}

TEST_F(DeviceBusTest, EveryKeyFindsItsDevice_B09) {
  auto devices = Devices(16);
  scripts_[15].pages = 0;
  const auto bus = Create(std::move(devices));
  ASSERT_TRUE(bus.ok());
  for (uint16_t i = 0; i < 16; ++i) {
    const GuestPhys dma = guest_.PutDma(0x100, {{0x1000, static_cast<uint16_t>(i + 1)}});
    ASSERT_TRUE((*bus)->Dispatch({dma, DmaKey(scripts_[i].place.pages.value())}).ok());
    EXPECT_EQ(scripts_[i].sent_sizes, std::vector<uint32_t>{i + 1u});
  }
}

TEST_F(DeviceBusTest, StatusBitsAreReportedOnce) {
  const auto bus = Create(Devices(2));
  EXPECT_TRUE((*bus)->StatusChanges().empty());
  SetStatus(1, kStatusAcknowledge | kStatusDriver);
  auto changes = (*bus)->StatusChanges();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].describe, "scripted: acknowledged, driver found");
  EXPECT_FALSE(changes[0].failed());
  SetStatus(1, 0);
  EXPECT_TRUE((*bus)->StatusChanges().empty());
  SetStatus(1, kStatusAcknowledge | kStatusFailed);
  changes = (*bus)->StatusChanges();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].describe, "scripted: failed (reported by the guest)");
  EXPECT_TRUE(changes[0].failed());
  SetStatus(1, 0xffff);
  EXPECT_EQ((*bus)->StatusChanges().size(), 1u);
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    SetStatus(1, static_cast<uint16_t>(bits));
    ASSERT_TRUE((*bus)->StatusChanges().empty());
  }
}

TEST_F(DeviceBusTest, DeviceWithoutInputIsClosed) {
  const auto bus = Create(Devices(1));
  EXPECT_EQ((*bus)->devices()[0]->input_fd(), -1);
  EXPECT_EQ((*bus)->Receive(0).value(), Device::Input::kClosed);
}

}  // namespace
}  // namespace lguest
