// What the two buses share with devices.cc.

#ifndef TESTDATA_VIRTIO_GUEST_BUS_H_
#define TESTDATA_VIRTIO_GUEST_BUS_H_

#include <cstdint>

#include "testdata/virtio_guest/devices.h"

namespace guest {

inline constexpr uint32_t kMostDevices = 8;

// Room for one more device.
Device& AddDevice();

}  // namespace guest

#endif  // TESTDATA_VIRTIO_GUEST_BUS_H_
