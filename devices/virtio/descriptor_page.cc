#include "devices/virtio/descriptor_page.h"

#include <algorithm>

namespace lguest {
namespace {

using Bytes = std::vector<std::byte>;

constexpr uint32_t kFeatureBytes = sizeof(uint32_t);

template <typename T>
std::span<const std::byte> BytesOf(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

void Append(Bytes& to, std::span<const std::byte> from) {
  to.insert(to.end(), from.begin(), from.end());
}

EncodedDescriptor EncodeNow(const VirtioDevice& device, std::span<const BusQueue> queues) {
  EncodedDescriptor encoded;
  Bytes& bytes = encoded.bytes;
  const Bytes config = device.config();
  Append(bytes, BytesOf(BusDescriptor{.type = static_cast<uint8_t>(device.type()),
                                      .queues = static_cast<uint8_t>(queues.size()),
                                      .feature_size = kFeatureBytes,
                                      .config_size = static_cast<uint8_t>(config.size()),
                                      .status = 0}));
  for (const BusQueue& queue : queues) Append(bytes, BytesOf(queue));
  Append(bytes, BytesOf(static_cast<uint32_t>(device.features() | kBusFeatures)));
  encoded.status_offset = offsetof(BusDescriptor, status);
  encoded.accepted_offset = static_cast<uint32_t>(bytes.size());
  encoded.accepted_size = kFeatureBytes;
  Append(bytes, BytesOf(uint32_t{0}));
  Append(bytes, config);
  return encoded;
}

void AppendField(Bytes& bytes, uint8_t type, std::span<const std::byte> data) {
  Append(bytes, BytesOf(BusField{.type = type, .size = static_cast<uint8_t>(data.size())}));
  Append(bytes, data);
}

// The fields of 2.6.24 for a device's configuration.
void AppendConfig(Bytes& bytes, VirtioType type, std::span<const std::byte> config) {
  switch (type) {
    case VirtioType::kNet:
      AppendField(bytes, kBusFieldMac, config);
      break;
    case VirtioType::kBlock:
      AppendField(bytes, kBusFieldSectors, config.first(sizeof(VirtioBlockConfig::sectors)));
      AppendField(bytes, kBusFieldSegmentsMax,
                  config.subspan(offsetof(VirtioBlockConfig, segments_max)));
      break;
    case VirtioType::kNone:
    case VirtioType::kConsole:
    case VirtioType::kRng:
      break;
  }
}

EncodedDescriptor Encode2624(const VirtioDevice& device, std::span<const BusQueue> queues) {
  Bytes fields;
  for (const BusQueue& queue : queues) AppendField(fields, kBusFieldQueue, BytesOf(queue));
  AppendField(fields, kBusFieldFeatures, BytesOf(static_cast<uint32_t>(device.features())));
  AppendConfig(fields, device.type(), device.config());
  EncodedDescriptor encoded;
  Append(encoded.bytes, BytesOf(BusRecord{.type = static_cast<uint8_t>(device.type()),
                                          .size = static_cast<uint8_t>(fields.size()),
                                          .status = 0}));
  Append(encoded.bytes, fields);
  encoded.status_offset = offsetof(BusRecord, status);
  return encoded;
}

}  // namespace

EncodedDescriptor EncodeDescriptor(const VirtioDevice& device, std::span<const BusQueue> queues,
                                   DeviceInterface format) {
  return format == DeviceInterface::kRecords ? Encode2624(device, queues)
                                             : EncodeNow(device, queues);
}

}  // namespace lguest
