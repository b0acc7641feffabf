#include "devices/virtio/virtio_bus.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lguest {

absl::Status HostInterrupt::Raise() {
  absl::Status raised = host_.RaiseInterrupt(irq_);
  return absl::IsNotFound(raised) ? absl::OkStatus() : raised;
}

VirtioBus::VirtioBus(std::vector<std::unique_ptr<VirtioDevice>> devices)
    : devices_(std::move(devices)), queues_(devices_.size()), seen_status_(devices_.size()) {}

void VirtioBus::Finish() {
  for (const auto& device : devices_) device->Finish();
}

Bus::Traffic VirtioBus::traffic(size_t index) const {
  Traffic traffic;
  for (const Virtqueue& queue : queues_[index]) {
    traffic.sent += queue.counts().sent;
    traffic.sent_bytes += queue.counts().sent_bytes;
    traffic.filled.buffers += queue.counts().filled;
    traffic.filled.bytes += queue.counts().filled_bytes;
  }
  return traffic;
}

uint8_t VirtioBus::NewStatus(size_t index) const {
  // FEATURES_OK is no news for the user.
  const int known = seen_status_[index] | kVirtioFeaturesOk;
  return static_cast<uint8_t>(Status(index) & ~known);
}

bool VirtioBus::HasStatusChanges() const {
  for (size_t i = 0; i < devices_.size(); ++i) {
    if (NewStatus(i) != 0) return true;
  }
  return false;
}

std::vector<Bus::StatusChange> VirtioBus::StatusChanges() {
  std::vector<StatusChange> changes;
  for (size_t i = 0; i < devices_.size(); ++i) {
    const uint8_t newly_set = NewStatus(i);
    if (newly_set == 0) continue;
    seen_status_[i] |= newly_set;
    changes.push_back(
        {.newly_set = newly_set,
         .describe = absl::StrCat(devices_[i]->name(), ": ", DescribeStatus(newly_set))});
  }
  return changes;
}

size_t VirtioBus::console() const {
  size_t index = 0;
  while (index < devices_.size() && devices_[index]->type() != VirtioType::kConsole) ++index;
  return index;
}

}  // namespace lguest
