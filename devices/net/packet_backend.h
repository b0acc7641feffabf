// The other end of a guest's network device: a source and sink of Ethernet packets.

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

  // True when Read() would not return Unavailable. Cheaper than such a Read().
  virtual bool IsReadable() const = 0;

  // Reads the next packet without blocking and returns the number of bytes read. Bytes that do not
  // fit into `to` are lost. Unavailable: no packet now. NotFound: there will be no more packets.
  virtual absl::StatusOr<size_t> Read(const IoVector& to) = 0;

  // Sends one packet without blocking. On an error the packet is lost; a later one may succeed.
  virtual absl::Status Write(std::span<const iovec> packet) = 0;
};

}  // namespace lguest

#endif  // DEVICES_NET_PACKET_BACKEND_H_
