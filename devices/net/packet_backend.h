// Where Ethernet packets of a guest go, and come from.

#ifndef DEVICES_NET_PACKET_BACKEND_H_
#define DEVICES_NET_PACKET_BACKEND_H_

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/io_vector.h"
#include "launcher/guest/abi.h"

namespace lguest {

class PacketBackend {
 public:
  virtual ~PacketBackend() = default;

  virtual int fd() const = 0;  // readable when there is a packet

  virtual NetPeer mac() const = 0;  // of this end

  // Whether Read() has something to tell: less work than to ask it in vain.
  virtual bool IsReadable() const = 0;

  // Takes the next packet, without waiting; what does not fit into `to` is lost. Returns how many
  // bytes there are. Unavailable: there is none just now. NotFound: there will never be one again.
  virtual absl::StatusOr<size_t> Read(const IoVector& to) = 0;

  // Sends one packet, without waiting. An error says that it is lost; the next one may not be.
  virtual absl::Status Write(std::span<const iovec> packet) = 0;
};

}  // namespace lguest

#endif  // DEVICES_NET_PACKET_BACKEND_H_
