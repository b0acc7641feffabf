// What the network devices of all generations have in common: packets between a guest and a
// PacketBackend.

#ifndef DEVICES_NET_PACKET_LINK_H_
#define DEVICES_NET_PACKET_LINK_H_

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/bus/device.h"
#include "devices/net/packet_backend.h"
#include "launcher/base/log.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// A packet that does not fit into the guest's buffer, or that the backend refuses, is dropped,
// which is logged once per cause; the guest continues. While the guest has no buffer, packets wait
// in the backend's queue, which drops packets when it is full.
class PacketLink {
 public:
  // `name`: of the device, in messages.
  PacketLink(std::string name, std::unique_ptr<PacketBackend> backend, LogSink log);

  const std::string& name() const { return name_; }
  int fd() const { return backend_->fd(); }
  NetPeer mac() const { return backend_->mac(); }  // of the other end

  // Sends a packet of the guest. False if it was dropped.
  bool Send(std::span<const iovec> packet);

  // Delivers one packet to the buffer that `port` has for `key`: see Device::Receive().
  absl::StatusOr<Device::Input> Receive(GuestMemory& memory, DmaPort& port, DmaKey key);

 private:
  absl::StatusOr<Device::Input> ReleaseBuffer(DmaPort& port, const DmaPort::Buffer& buffer,
                                              Device::Input input);

  const std::string name_;
  const std::unique_ptr<PacketBackend> backend_;
  std::vector<std::byte> overflow_;  // receives the bytes that do not fit into the guest's buffer
  LogOnce sending_log_;
  LogOnce receiving_log_;
  LogOnce too_long_log_;
  // IsReadable() returned true after a packet, and no Read() has failed since.
  bool in_burst_ = false;
};

}  // namespace lguest

#endif  // DEVICES_NET_PACKET_LINK_H_
