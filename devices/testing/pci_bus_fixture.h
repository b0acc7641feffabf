// A PCI bus with a console and a block device, for tests.

#ifndef DEVICES_TESTING_PCI_BUS_FIXTURE_H_
#define DEVICES_TESTING_PCI_BUS_FIXTURE_H_

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/testing/fake_host.h"
#include "devices/testing/fake_ring.h"
#include "devices/testing/fake_virtio_device.h"
#include "devices/virtio/pci_bus.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/guest_io.h"

namespace lguest {

class PciBusTest : public testing::Test {
 protected:
  using Effect = GuestIo::Effect;

  static constexpr uint32_t kRam = 32 * kPageSize;
  static constexpr uint32_t kBar = kRam + 256 * kPageSize;  // of the console
  static constexpr uint32_t kBlockBar = kBar + kPageSize;
  static constexpr uint32_t kConsole = 1;  // device numbers
  static constexpr uint32_t kBlock = 2;

  // Registers of BAR 0.
  static constexpr uint32_t kDeviceSelect = 0;
  static constexpr uint32_t kDeviceFeature = 4;
  static constexpr uint32_t kDriverSelect = 8;
  static constexpr uint32_t kDriverFeature = 12;
  static constexpr uint32_t kQueues = 18;
  static constexpr uint32_t kStatus = 20;
  static constexpr uint32_t kQueueSelect = 22;
  static constexpr uint32_t kQueueSize = 24;
  static constexpr uint32_t kQueueEnable = 28;
  static constexpr uint32_t kQueueDescriptors = 32;
  static constexpr uint32_t kNotify = 56;
  static constexpr uint32_t kIsr = 58;
  static constexpr uint32_t kConfig = 60;

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

}  // namespace lguest

#endif  // DEVICES_TESTING_PCI_BUS_FIXTURE_H_
