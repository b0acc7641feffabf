#include "devices/virtio/lguest_bus.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "devices/virtio/descriptor_page.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/virtio_abi.h"

namespace lguest {
namespace {

// The longest text of a guest without a driver that is written at once. Linux has 16 bytes.
constexpr uint32_t kLongestText = 256;

constexpr uint32_t kAvailableOffset = kPageSize;
constexpr uint32_t kUsedOffset = 2 * kPageSize;
static_assert(kVirtqueueSize * sizeof(VirtqDescriptor) == kAvailableOffset);

}  // namespace

LguestBus::LguestBus(GuestMemory& memory, GuestPhys page, DeviceInterface format,
                     std::vector<std::unique_ptr<VirtioDevice>> devices)
    : VirtioBus(std::move(devices)), memory_(memory), page_(page), format_(format) {}

absl::StatusOr<std::unique_ptr<LguestBus>> LguestBus::Create(
    GuestMemory& memory, Host& host, GuestPhys page, DeviceInterface format,
    std::vector<std::unique_ptr<VirtioDevice>> devices) {
  RETURN_IF_ERROR(CheckDeviceCount(devices.size()));
  uint32_t queues = 0;
  for (const auto& device : devices) queues += device->queue_count();
  if (queues >= kInterrupts) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the devices have %u queues: a guest of Linux 2.6.24 to 3.19 has %u interrupts for them",
        queues, kInterrupts - 1));
  }
  const uint64_t size = uint64_t{PagesNeeded(queues)} * kPageSize;
  if (!IsPageAligned(page.value()) || !memory.Contains(page, size)) {
    return absl::OutOfRangeError(
        absl::StrFormat("%u bytes of device pages at 0x%x do not fit into %u bytes of guest memory",
                        size, page.value(), memory.size()));
  }
  // Not make_unique: the constructor is private.
  std::unique_ptr<LguestBus> bus(new LguestBus(memory, page, format, std::move(devices)));
  RETURN_IF_ERROR(bus->Attach(host));
  return bus;
}

absl::Status LguestBus::Attach(Host& host) {
  for (size_t i = 0; i < device_count(); ++i) {
    VirtioDevice& attached = device(i);
    std::vector<BusQueue> places;
    queues(i).reserve(attached.queue_count());
    for (uint32_t queue = 0; queue < attached.queue_count(); ++queue) {
      const auto ring = static_cast<uint32_t>(rings_.size());
      rings_.push_back({.device = i, .queue = queue});
      HostInterrupt& line = lines_.emplace_back(host, ring + 1);
      queues(i).emplace_back(memory_, line);
      places.push_back({.size = kVirtqueueSize,
                        .irq = static_cast<uint16_t>(line.irq()),
                        .pfn = RingAddress(ring).value() / kPageSize});
    }
    const EncodedDescriptor encoded = EncodeDescriptor(attached, places, format_);
    if (contents_.size() + encoded.bytes.size() >= kPageSize) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%u devices: their descriptors do not fit into a page", device_count()));
    }
    const uint32_t next = page_.value() + static_cast<uint32_t>(contents_.size());
    descriptors_.push_back({.address = GuestPhys(next),
                            .status = GuestPhys(next + encoded.status_offset),
                            .accepted = GuestPhys(next + encoded.accepted_offset),
                            .tells_accepted = encoded.accepted_size != 0});
    contents_.insert(contents_.end(), encoded.bytes.begin(), encoded.bytes.end());
    attached.Attach(memory_, queues(i));
  }
  contents_.resize(kPageSize);
  return Restart();
}

absl::Status LguestBus::Restart() {
  RETURN_IF_ERROR(memory_.WriteBytes(page_, contents_));
  for (uint32_t ring = 0; ring < rings_.size(); ++ring) RETURN_IF_ERROR(ResetRing(ring));
  return absl::OkStatus();
}

absl::Status LguestBus::ResetRing(uint32_t ring) {
  constexpr std::array<std::byte, kPageSize> kZeroes = {};
  const uint32_t start = RingAddress(ring).value();
  for (uint32_t i = 0; i < kRingPages; ++i) {
    RETURN_IF_ERROR(memory_.WriteBytes(GuestPhys(start + i * kPageSize), kZeroes));
  }
  Virtqueue& queue = QueueOf(rings_[ring]);
  queue.set_allows_indirect(false);
  return queue.Enable({.size = kVirtqueueSize,
                       .descriptors = GuestPhys(start),
                       .available = GuestPhys(start + kAvailableOffset),
                       .used = GuestPhys(start + kUsedOffset)});
}

absl::Status LguestBus::Notify(const Notified& notified) {
  const uint32_t address = notified.address.value();
  if (address < page_.value()) return OnText(notified.address);
  const auto descriptor =
      std::find_if(descriptors_.begin(), descriptors_.end(),
                   [&](const Descriptor& d) { return d.address == notified.address; });
  if (descriptor != descriptors_.end()) {
    return OnStatus(static_cast<size_t>(descriptor - descriptors_.begin()));
  }
  const uint32_t first = RingAddress(0).value();
  if (address >= first && (address - first) % (kRingPages * kPageSize) == 0) {
    const uint32_t ring = (address - first) / (kRingPages * kPageSize);
    if (ring < rings_.size()) return device(rings_[ring].device).Notify(rings_[ring].queue);
  }
  return absl::InvalidArgumentError(absl::StrFormat("bad NOTIFY address 0x%x", address));
}

absl::Status LguestBus::OnStatus(size_t index) {
  const Descriptor& descriptor = descriptors_[index];
  const auto status = memory_.Fetch<uint8_t>(descriptor.status);
  if (status != 0) {
    if (!descriptor.tells_accepted) return absl::OkStatus();
    const auto accepted = memory_.Fetch<uint32_t>(descriptor.accepted);
    for (Virtqueue& queue : queues(index)) {
      queue.set_allows_indirect((accepted & kBusFeatures & kVirtioIndirect) != 0);
    }
    return absl::OkStatus();
  }
  for (uint32_t ring = 0; ring < rings_.size(); ++ring) {
    if (rings_[ring].device == index) RETURN_IF_ERROR(ResetRing(ring));
  }
  return descriptor.tells_accepted ? memory_.Write(descriptor.accepted, uint32_t{0})
                                   : absl::OkStatus();
}

absl::Status LguestBus::OnText(GuestPhys text) {
  std::string copy;
  for (uint32_t i = 0; i < kLongestText; ++i) {
    ASSIGN_OR_RETURN(const char c, memory_.Read<char>(GuestPhys(text.value() + i)));
    if (c == '\0') break;
    copy.push_back(c);
  }
  const size_t index = console();
  return index < device_count() ? device(index).EarlyOutput(copy) : absl::OkStatus();
}

uint8_t LguestBus::Status(size_t index) const {
  return memory_.Fetch<uint8_t>(descriptors_[index].status);  // guest-controlled
}

}  // namespace lguest
