// A PacketBackend whose network is a test.

#ifndef DEVICES_TESTING_FAKE_PACKET_BACKEND_H_
#define DEVICES_TESTING_FAKE_PACKET_BACKEND_H_

#include <algorithm>
#include <cstring>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/io_vector.h"
#include "devices/net/packet_backend.h"

namespace lguest {

// The state of the fake network. Owned by the test.
struct FakeNetwork {
  std::deque<std::string> to_guest;
  std::vector<std::string> from_guest;
  absl::Status read_error;   // Read() returns it when `to_guest` is empty
  absl::Status write_error;  // Write() returns it and drops the packet
};

class FakePacketBackend final : public PacketBackend {
 public:
  static constexpr NetPeer kMac = {{2, 1, 2, 3, 4, 5}};

  explicit FakePacketBackend(FakeNetwork& network) : network_(network) {}

  int fd() const override { return 77; }
  NetPeer mac() const override { return kMac; }

  bool IsReadable() const override {
    return !network_.to_guest.empty() || !network_.read_error.ok();
  }

  absl::StatusOr<size_t> Read(const IoVector& to) override {
    if (network_.to_guest.empty()) {
      return network_.read_error.ok() ? absl::UnavailableError("none") : network_.read_error;
    }
    const std::string packet = network_.to_guest.front();
    network_.to_guest.pop_front();
    size_t done = 0;
    for (int i = 0; i < to.count(); ++i) {
      const iovec& piece = to.data()[i];
      const size_t part = std::min(piece.iov_len, packet.size() - done);
      std::memcpy(piece.iov_base, packet.data() + done, part);
      done += part;
    }
    return done;
  }

  absl::Status Write(std::span<const iovec> packet) override {
    if (!network_.write_error.ok()) return network_.write_error;
    std::string& bytes = network_.from_guest.emplace_back();
    for (const iovec& piece : packet) {
      bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    return absl::OkStatus();
  }

 private:
  FakeNetwork& network_;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_FAKE_PACKET_BACKEND_H_
