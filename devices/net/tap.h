// A PacketBackend on a tap interface of the host.

#ifndef DEVICES_NET_TAP_H_
#define DEVICES_NET_TAP_H_

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/net/packet_backend.h"
#include "devices/net/tun_spec.h"
#include "launcher/base/unique_fd.h"

namespace lguest {

class Tap final : public PacketBackend {
 public:
  // Creates and configures a tap, or attaches to an existing one. This changes the network of the
  // host, so call it only after all options have been validated. A tap that was created here is
  // removed with this object. An existing tap keeps its configuration. TunDescriptor: takes
  // ownership of the descriptor and makes it non-blocking. Messages name the step, the interface,
  // the cause and, where known, advice.
  static absl::StatusOr<std::unique_ptr<Tap>> Open(const TunSpec& spec);

  const std::string& interface() const { return interface_; }

  int fd() const override { return fd_.get(); }
  NetPeer mac() const override { return mac_; }
  bool IsReadable() const override;
  absl::StatusOr<size_t> Read(const IoVector& to) override;
  absl::Status Write(std::span<const iovec> packet) override;

 private:
  Tap(UniqueFd fd, std::string interface, NetPeer mac)
      : fd_(std::move(fd)), interface_(std::move(interface)), mac_(mac) {}

  const UniqueFd fd_;
  const std::string interface_;
  const NetPeer mac_;
};

}  // namespace lguest

#endif  // DEVICES_NET_TAP_H_
