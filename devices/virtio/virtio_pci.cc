#include "devices/virtio/virtio_pci.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

constexpr uint16_t kNoVector = 0xffff;  // there is no MSI-X

constexpr uint64_t kPciFeatures = kVirtioVersion1 | kVirtioIndirect;

// The width of the register of the common configuration at `offset`; 0: none starts there.
constexpr uint32_t WidthAt(uint32_t offset) {
  if (offset >= sizeof(PciCommonConfig)) return 0;
  if (offset < offsetof(PciCommonConfig, msix_config) ||
      offset >= offsetof(PciCommonConfig, queue_descriptors_low)) {
    return offset % sizeof(uint32_t) == 0 ? sizeof(uint32_t) : 0;
  }
  if (offset == offsetof(PciCommonConfig, status) ||
      offset == offsetof(PciCommonConfig, generation)) {
    return sizeof(uint8_t);
  }
  return offset % sizeof(uint16_t) == 0 ? sizeof(uint16_t) : 0;
}

// The bits of a feature word.
constexpr uint32_t WordOf(uint64_t features, uint32_t select) {
  return select < 2 ? static_cast<uint32_t>(features >> (32 * select)) : 0;
}

uint64_t WithHalf(uint64_t whole, bool upper, uint32_t value) {
  const uint32_t shift = upper ? 32 : 0;
  return (whole & ~(uint64_t{0xffffffff} << shift)) | uint64_t{value} << shift;
}

// A 64-bit address that is known to be below 4 GB.
GuestPhys Low(uint64_t address) { return GuestPhys(static_cast<uint32_t>(address)); }

}  // namespace

VirtioPci::VirtioPci(VirtioDevice& device, Host& host, uint32_t irq, GuestPhys bar)
    : device_(device),
      line_(host, irq),
      first_config_(device.type(), irq, bar, static_cast<uint32_t>(device.config().size())),
      config_(first_config_),
      device_config_(device.config()),
      setups_(device.queue_count()) {}

uint64_t VirtioPci::Offered() const { return device_.features() | kPciFeatures; }

absl::Status VirtioPci::Bad(const char* what, uint32_t offset, uint32_t value) const {
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: %s: register %u, value 0x%x", device_.name(), what, offset, value));
}

absl::StatusOr<uint32_t> VirtioPci::ReadConfig(uint32_t offset, uint32_t size) {
  const auto window = config_.WindowAt(offset);
  if (!window.has_value()) return config_.Read(offset, size);
  if (window->bar != 0 || window->offset >= kPciBarSize) return ~0u;
  return ReadBar(window->offset, std::min<uint32_t>(window->length, sizeof(uint32_t)));
}

absl::StatusOr<VirtioPci::Work> VirtioPci::WriteConfig(uint32_t offset, uint32_t size,
                                                       uint32_t value) {
  config_.Write(offset, size, value);
  const auto window = config_.WindowAt(offset);
  if (!window.has_value()) return Work();
  const bool is_width = window->length == 1 || window->length == 2 || window->length == 4;
  if (window->bar != 0 || window->offset >= kPciBarSize || !is_width) {
    return Bad("bad window of PCI configuration", window->offset, window->length);
  }
  const uint32_t data = config_.window_data();
  const uint32_t mask = window->length == sizeof(uint32_t) ? ~0u : (1u << (8 * window->length)) - 1;
  return WriteBar(window->offset, window->length, data & mask);
}

PciCommonConfig VirtioPci::Common() const {
  PciCommonConfig common = {};
  common.device_feature_select = device_feature_select_;
  common.device_feature = WordOf(Offered(), device_feature_select_);
  common.driver_feature_select = driver_feature_select_;
  common.driver_feature = WordOf(accepted_, driver_feature_select_);
  common.msix_config = kNoVector;
  common.queues = static_cast<uint16_t>(queues_.size());
  common.status = status_;
  common.queue_select = queue_select_;
  common.queue_msix = kNoVector;
  if (queue_select_ >= queues_.size()) return common;  // size 0: there is no such queue
  const QueueSetup& setup = setups_[queue_select_];
  common.queue_size = setup.size;
  common.queue_enable = queues_[queue_select_].is_enabled() ? 1 : 0;
  common.queue_descriptors_low = Low(setup.parts[0]).value();
  common.queue_descriptors_high = static_cast<uint32_t>(setup.parts[0] >> 32);
  common.queue_available_low = Low(setup.parts[1]).value();
  common.queue_available_high = static_cast<uint32_t>(setup.parts[1] >> 32);
  common.queue_used_low = Low(setup.parts[2]).value();
  common.queue_used_high = static_cast<uint32_t>(setup.parts[2] >> 32);
  return common;
}

absl::StatusOr<uint32_t> VirtioPci::ReadBar(uint32_t offset, uint32_t size) {
  if (offset == kPciIsrOffset) return line_.TakeIsr();
  // What is not a register reads 0.
  std::array<std::byte, kPciDeviceConfigOffset> registers = {};
  const PciCommonConfig common = Common();
  std::memcpy(registers.data(), &common, sizeof(common));
  uint32_t value = 0;
  for (uint32_t i = 0; i < size; ++i) {
    const uint32_t at = offset + i;
    std::byte byte = {};
    if (at < registers.size()) {
      byte = registers[at];
    } else if (at - kPciDeviceConfigOffset < device_config_.size()) {
      byte = device_config_[at - kPciDeviceConfigOffset];
    }
    value |= std::to_integer<uint32_t>(byte) << (8 * i);
  }
  return value;
}

absl::StatusOr<VirtioPci::Work> VirtioPci::WriteBar(uint32_t offset, uint32_t size,
                                                    uint32_t value) {
  if (offset < sizeof(PciCommonConfig)) {
    RETURN_IF_ERROR(WriteCommon(offset, size, value));
    return Work();
  }
  if (offset == kPciNotifyOffset) {
    if (value >= queues_.size() || !queues_[value].is_enabled()) {
      return Bad("notification of a queue that is not enabled", offset, value);
    }
    return Work{.notified_queue = value, .early_output = std::nullopt};
  }
  constexpr uint32_t kEmergencyWrite =
      kPciDeviceConfigOffset + offsetof(VirtioConsoleConfig, emergency_write);
  if (offset == kEmergencyWrite && device_.type() == VirtioType::kConsole) {
    return Work{.notified_queue = std::nullopt, .early_output = static_cast<char>(value)};
  }
  // The rest of the device's configuration is read-only, but Linux may write it.
  if (offset >= kPciDeviceConfigOffset) return Work();
  return Bad("write to a register that is read-only", offset, value);
}

absl::Status VirtioPci::WriteCommon(uint32_t offset, uint32_t size, uint32_t value) {
  if (WidthAt(offset) != size) return Bad("access of a wrong width", offset, size);
  switch (offset) {
    case offsetof(PciCommonConfig, device_feature_select):
      device_feature_select_ = value;
      return absl::OkStatus();
    case offsetof(PciCommonConfig, driver_feature_select):
      driver_feature_select_ = value;
      return absl::OkStatus();
    case offsetof(PciCommonConfig, driver_feature):
      return WriteFeatures(value);
    case offsetof(PciCommonConfig, msix_config):
    case offsetof(PciCommonConfig, queue_msix):
      return absl::OkStatus();  // reads "no vector"
    case offsetof(PciCommonConfig, status):
      return WriteStatus(static_cast<uint8_t>(value));
    case offsetof(PciCommonConfig, queue_select):
      queue_select_ = static_cast<uint16_t>(value);
      return absl::OkStatus();
    case offsetof(PciCommonConfig, queues):
    case offsetof(PciCommonConfig, generation):
    case offsetof(PciCommonConfig, device_feature):
    case offsetof(PciCommonConfig, queue_notify_offset):
      return Bad("write to a register that is read-only", offset, value);
    default:
      return WriteQueue(offset, value);
  }
}

absl::Status VirtioPci::WriteFeatures(uint32_t value) {
  if ((status_ & kVirtioDriver) == 0 || (status_ & kVirtioFeaturesOk) != 0) {
    return Bad("features accepted at the wrong time", offsetof(PciCommonConfig, driver_feature),
               value);
  }
  if ((value & ~WordOf(Offered(), driver_feature_select_)) != 0) {
    return Bad("features accepted that are not offered", offsetof(PciCommonConfig, driver_feature),
               value);
  }
  if (driver_feature_select_ < 2) {
    accepted_ = WithHalf(accepted_, driver_feature_select_ == 1, value);
  }
  return absl::OkStatus();
}

absl::Status VirtioPci::WriteStatus(uint8_t value) {
  if (value == 0) {
    Reset();
    return absl::OkStatus();
  }
  if ((value & kVirtioFeaturesOk) != 0 && (accepted_ & kVirtioVersion1) == 0) {
    return Bad("VERSION_1 is not accepted", offsetof(PciCommonConfig, status), value);
  }
  status_ = value;
  return absl::OkStatus();
}

absl::Status VirtioPci::WriteQueue(uint32_t offset, uint32_t value) {
  if (queue_select_ >= queues_.size()) return Bad("no such queue", offset, queue_select_);
  if (queues_[queue_select_].is_enabled()) {
    return Bad("change of a queue that is enabled", offset, value);
  }
  QueueSetup& setup = setups_[queue_select_];
  if (offset == offsetof(PciCommonConfig, queue_size)) {
    setup.size = static_cast<uint16_t>(value);
    return absl::OkStatus();
  }
  if (offset == offsetof(PciCommonConfig, queue_enable)) {
    return value == 1 ? EnableQueue() : Bad("bad queue_enable", offset, value);
  }
  // Six words, low and high by turns.
  const uint32_t word = (offset - uint32_t{offsetof(PciCommonConfig, queue_descriptors_low)}) /
                        uint32_t{sizeof(uint32_t)};
  uint64_t& part = setup.parts[word / 2];
  part = WithHalf(part, word % 2 == 1, value);
  return absl::OkStatus();
}

absl::Status VirtioPci::EnableQueue() {
  const QueueSetup& setup = setups_[queue_select_];
  if ((status_ & kVirtioFeaturesOk) == 0) {
    return Bad("queue enabled before FEATURES_OK", offsetof(PciCommonConfig, queue_enable), 1);
  }
  for (const uint64_t part : setup.parts) {
    if (part > std::numeric_limits<uint32_t>::max()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: queue part at 0x%x", device_.name(), part));
    }
  }
  Virtqueue& queue = queues_[queue_select_];
  queue.set_allows_indirect((accepted_ & kVirtioIndirect) != 0);
  return queue.Enable({.size = setup.size,
                       .descriptors = Low(setup.parts[0]),
                       .available = Low(setup.parts[1]),
                       .used = Low(setup.parts[2])});
}

void VirtioPci::Restart() {
  Reset();
  config_ = first_config_;
}

void VirtioPci::Reset() {
  for (Virtqueue& queue : queues_) queue.Disable();
  std::fill(setups_.begin(), setups_.end(), QueueSetup());
  device_feature_select_ = 0;
  driver_feature_select_ = 0;
  accepted_ = 0;
  status_ = 0;
  queue_select_ = 0;
  line_.TakeIsr();
}

}  // namespace lguest
