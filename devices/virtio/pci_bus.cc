#include "devices/virtio/pci_bus.h"

#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

// Ports (VIRTIO_ABI.md §9.1).
constexpr uint16_t kTimerChannel2 = 0x42;
constexpr uint16_t kKeyboardStatus = 0x64;
constexpr uint16_t kConfigAddress = 0xcf8;
constexpr uint16_t kConfigData = 0xcfc;
constexpr uint32_t kPortsOfRegister = 4;

constexpr uint32_t kEnable = 0x80000000;

constexpr uint32_t kNothing = ~0u;
constexpr uint32_t kPagesBelowDeviceMemory = 256;

// The host bridge: its class, and all else 0.
constexpr uint32_t kBridgeClassRegister = 0x08;
constexpr uint32_t kBridgeClass = 0x0600u << 16;

// True if an access of `size` bytes at `port` lies in the four ports at `first`.
constexpr bool IsInRegister(uint16_t port, uint32_t size, uint16_t first) {
  return port >= first && port + size <= first + kPortsOfRegister;
}

}  // namespace

PciBus::PciBus(std::vector<std::unique_ptr<VirtioDevice>> devices)
    : VirtioBus(std::move(devices)) {}

absl::StatusOr<std::unique_ptr<PciBus>> PciBus::Create(
    GuestMemory& memory, Host& host, uint32_t ram_size,
    std::vector<std::unique_ptr<VirtioDevice>> devices) {
  RETURN_IF_ERROR(CheckDeviceCount(devices.size()));
  static_assert(kMaxDevices < kInterrupts);
  // Not make_unique: the constructor is private.
  std::unique_ptr<PciBus> bus(new PciBus(std::move(devices)));
  uint32_t bar = ram_size + kPagesBelowDeviceMemory * kPageSize;
  for (size_t i = 0; i < bus->device_count(); ++i) {
    VirtioDevice& device = bus->device(i);
    VirtioPci& function =
        bus->functions_.emplace_back(device, host, static_cast<uint32_t>(i + 1), GuestPhys(bar));
    std::vector<Virtqueue>& queues = bus->queues(i);
    queues.reserve(device.queue_count());
    for (uint32_t queue = 0; queue < device.queue_count(); ++queue) {
      queues.emplace_back(memory, function.line());
    }
    function.SetQueues(queues);
    device.Attach(memory, queues);
    bar += kPciBarSize;
  }
  return bus;
}

std::optional<uint32_t> PciBus::SelectedDevice() const {
  constexpr uint32_t kBusAndFunction = 0x00ff0700;
  if ((config_address_ & kEnable) == 0 || (config_address_ & kBusAndFunction) != 0) {
    return std::nullopt;
  }
  return config_address_ >> 11 & 31;
}

absl::StatusOr<uint32_t> PciBus::ReadPort(uint16_t port, uint32_t size) {
  if (port == kTimerChannel2) return 0;
  if (port == kKeyboardStatus) return 1;
  if (IsInRegister(port, size, kConfigAddress)) {
    return config_address_ >> (8 * (port - kConfigAddress));
  }
  const std::optional<uint32_t> device = SelectedDevice();
  if (!IsInRegister(port, size, kConfigData) || !device.has_value()) return kNothing;
  const uint32_t in_register = port - kConfigData;
  const uint32_t offset = (config_address_ & 0xfc) + in_register;
  if (*device == 0) {
    const bool is_class = (config_address_ & 0xfc) == kBridgeClassRegister;
    return is_class ? kBridgeClass >> (8 * in_register) : 0;
  }
  if (*device > functions_.size()) return kNothing;
  return functions_[*device - 1].ReadConfig(offset, size);
}

absl::StatusOr<GuestIo::Effect> PciBus::WritePort(uint16_t port, uint32_t size, uint32_t value) {
  if (IsInRegister(port, size, kConfigAddress)) {
    std::memcpy(reinterpret_cast<std::byte*>(&config_address_) + (port - kConfigAddress), &value,
                size);
    return Effect::kNone;
  }
  const std::optional<uint32_t> device = SelectedDevice();
  const bool is_config = IsInRegister(port, size, kConfigData);
  if (!is_config || !device.has_value() || *device == 0 || *device > functions_.size()) {
    return Effect::kNone;
  }
  const uint32_t offset = (config_address_ & 0xfc) + (port - kConfigData);
  ASSIGN_OR_RETURN(const VirtioPci::Work work,
                   functions_[*device - 1].WriteConfig(offset, size, value));
  return Note(*device - 1, work);
}

size_t PciBus::FunctionAt(GuestPhys page) const {
  size_t index = 0;
  while (index < functions_.size() && functions_[index].bar() != page) ++index;
  return index;
}

bool PciBus::IsDeviceMemory(GuestPhys page) const { return FunctionAt(page) < functions_.size(); }

absl::StatusOr<uint32_t> PciBus::ReadMemory(GuestPhys address, uint32_t size) {
  const size_t index = FunctionAt(GuestPhys(PageAlignDown(address.value())));
  if (index == functions_.size()) return kNothing;
  return functions_[index].ReadBar(address.value() % kPageSize, size);
}

absl::StatusOr<GuestIo::Effect> PciBus::WriteMemory(GuestPhys address, uint32_t size,
                                                    uint32_t value) {
  const size_t index = FunctionAt(GuestPhys(PageAlignDown(address.value())));
  if (index == functions_.size()) return Effect::kNone;
  ASSIGN_OR_RETURN(const VirtioPci::Work work,
                   functions_[index].WriteBar(address.value() % kPageSize, size, value));
  return Note(index, work);
}

GuestIo::Effect PciBus::Note(size_t index, const VirtioPci::Work& work) {
  if (work.empty()) return Effect::kNone;
  working_ = index;
  work_ = work;
  return Effect::kNotify;
}

absl::Status PciBus::Restart() {
  for (VirtioPci& function : functions_) function.Restart();
  config_address_ = 0;
  work_ = {};
  return absl::OkStatus();
}

absl::Status PciBus::Notify(const Notified& /*notified*/) {
  const VirtioPci::Work work = std::exchange(work_, {});
  if (work.notified_queue.has_value()) return device(working_).Notify(*work.notified_queue);
  if (work.early_output.has_value()) {
    return device(working_).EarlyOutput(std::string_view(&*work.early_output, 1));
  }
  return absl::OkStatus();
}

}  // namespace lguest
