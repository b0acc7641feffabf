#include "devices/bus/device_bus.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/bus/dma_chain.h"
#include "launcher/base/status_macros.h"

namespace lguest {

uint32_t DeviceBus::PagesNeeded(std::span<const std::unique_ptr<Device>> devices) {
  uint32_t pages = 1;
  for (const auto& device : devices) pages += device->num_pages();
  return pages;
}

DeviceBus::DeviceBus(GuestMemory& memory, Host& host, GuestPhys descriptors,
                     std::vector<std::unique_ptr<Device>> devices, LogSink log)
    : memory_(memory),
      descriptors_(descriptors),
      devices_(std::move(devices)),
      states_(devices_.size(), DeviceState{HostDmaPort(memory, host)}),
      unmatched_log_(std::move(log)) {}

absl::StatusOr<std::unique_ptr<DeviceBus>> DeviceBus::Create(
    GuestMemory& memory, Host& host, GuestPhys descriptors,
    std::vector<std::unique_ptr<Device>> devices, LogSink log) {
  RETURN_IF_ERROR(CheckDeviceCount(devices.size()));
  const uint64_t size = uint64_t{PagesNeeded(devices)} * kPageSize;
  if (!IsPageAligned(descriptors.value()) || !memory.Contains(descriptors, size)) {
    return absl::OutOfRangeError(
        absl::StrFormat("%u bytes of device pages at 0x%x do not fit into %u bytes of guest memory",
                        size, descriptors.value(), memory.size()));
  }
  // Not make_unique: the constructor is private.
  std::unique_ptr<DeviceBus> bus(
      new DeviceBus(memory, host, descriptors, std::move(devices), std::move(log)));
  RETURN_IF_ERROR(bus->Attach());
  return bus;
}

absl::Status DeviceBus::Attach() {
  uint32_t next_page = descriptors_.value() + kPageSize;
  for (size_t i = 0; i < devices_.size(); ++i) {
    Device& device = *devices_[i];
    const uint16_t num_pages = device.num_pages();
    const DevicePlace place = {.pages = GuestPhys(num_pages == 0 ? 0 : next_page),
                               .irq = static_cast<uint32_t>(i + 1)};
    next_page += num_pages * kPageSize;
    const DeviceDescriptor descriptor = {
        .type = static_cast<uint16_t>(device.type()),
        .features = device.features(),
        .status = 0,
        .num_pages = num_pages,
        .pfn = place.pages.value() / kPageSize,
    };
    RETURN_IF_ERROR(memory_.Write(DescriptorOf(i), descriptor));
    RETURN_IF_ERROR(device.Attach(memory_, place));
    for (const DmaKey key : device.output_keys()) {
      const auto [listener, added] = listeners_.try_emplace(key, i);
      if (!added) {
        return absl::InvalidArgumentError(absl::StrFormat("%s and %s both listen at key 0x%x",
                                                          devices_[listener->second]->name(),
                                                          device.name(), key.value()));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status DeviceBus::Dispatch(const DmaSent& sent) {
  const auto listener = listeners_.find(sent.key);
  if (listener == listeners_.end()) {
    unmatched_log_.Log(absl::StrFormat(
        "the guest sent DMA 0x%x to key 0x%x: no device listens there (logged only once)",
        sent.dma.value(), sent.key.value()));
    return absl::OkStatus();
  }
  DmaChain chain;
  RETURN_IF_ERROR(chain.Fill(memory_, sent.dma));
  DeviceState& state = states_[listener->second];
  const absl::StatusOr<std::optional<uint32_t>> taken =
      devices_[listener->second]->Send(sent.key, chain, state.port);
  RETURN_IF_ERROR(taken.status());
  ++state.sent;
  const std::optional<uint32_t>& used = *taken;
  if (!used.has_value()) return absl::OkStatus();
  state.sent_bytes += *used;
  static_assert(offsetof(Dma, used_len) == 0);
  return memory_.Write(chain.address(), *used);
}

absl::StatusOr<Device::Input> DeviceBus::Receive(size_t index) {
  return devices_[index]->Receive(states_[index].port);
}

void DeviceBus::Finish() {
  for (const auto& device : devices_) device->Finish();
}

DeviceBus::Traffic DeviceBus::traffic(size_t index) const {
  const DeviceState& state = states_[index];
  return {.sent = state.sent, .sent_bytes = state.sent_bytes, .filled = state.port.filled()};
}

uint16_t DeviceBus::NewStatus(size_t index) const {
  const GuestPhys where(DescriptorOf(index).value() + offsetof(DeviceDescriptor, status));
  return memory_.Fetch<uint16_t>(where) & ~seen_status_[index];  // guest-controlled
}

bool DeviceBus::HasStatusChanges() const {
  for (size_t i = 0; i < devices_.size(); ++i) {
    if (NewStatus(i) != 0) return true;
  }
  return false;
}

std::vector<DeviceBus::StatusChange> DeviceBus::StatusChanges() {
  std::vector<StatusChange> changes;
  for (size_t i = 0; i < devices_.size(); ++i) {
    const uint16_t newly_set = NewStatus(i);
    if (newly_set == 0) continue;
    seen_status_[i] |= newly_set;
    changes.push_back(
        {.newly_set = newly_set,
         .describe = absl::StrCat(devices_[i]->name(), ": ", DescribeStatus(newly_set))});
  }
  return changes;
}

}  // namespace lguest
