// Packets through the network device, beside bare readv() and writev() on the same tap (target: 90
// % of their speed). Runs in its own network namespace, which needs root or user namespaces.

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/batch_timer.h"
#include "benchmarks/device_bench.h"
#include "devices/net/tap.h"
#include "devices/net/tun_net.h"
#include "devices/net/tun_spec.h"
#include "launcher/base/testing/net_namespace.h"
#include "launcher/base/unique_fd.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

constexpr int kBatch = 64;               // packets queued in the tap; its queue is much longer
constexpr uint16_t kBufferBytes = 1514;  // the size of Linux's receive buffers
constexpr uint16_t kUnusedProtocol = ETH_P_802_EX1;  // experimental; the host drops it
constexpr int kSpare = 4096;  // buffer for oversized packets, as in the device

// Why this program cannot make a tap, or empty if it can.
const std::string& WhyNot() {
  static const auto* const kReason = new std::string([] {
    const std::string reason = EnterNetNamespace();
    return reason.empty() ? reason : "skipped: " + reason;
  }());
  return *kReason;
}

// A device on a tap, and a socket of the host that sends packets to the tap.
class TunBench {
 public:
  explicit TunBench(uint16_t packet_bytes)
      : tap_(Tap::Open(ParseTunSpec("10.7.0.1/24").value()).value()),
        tap_fd_(tap_->fd()),
        mac_(tap_->mac()),
        index_(if_nametoindex(tap_->interface().c_str())),
        packet_(packet_bytes),
        guest_(std::make_unique<TunNet>("benchmark", std::move(tap_))),
        host_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    const uint16_t protocol = htons(kUnusedProtocol);
    std::ranges::copy(mac_.mac, packet_.begin());      // receiver: the host's end
    std::ranges::copy(mac_.mac, packet_.begin() + 6);  // sender: also the host's end
    std::copy_n(reinterpret_cast<const uint8_t*>(&protocol), 2, packet_.begin() + 12);
    const auto in_guest = guest_.memory().MutableRange(DeviceBench::kData, packet_bytes);
    std::ranges::copy(std::as_bytes(std::span(packet_)), in_guest->begin());
  }

  DeviceBench& guest() { return guest_; }
  int tap_fd() const { return tap_fd_; }

  // Empties the tap, then sends a batch of packets from the host.
  void SendBatch() {
    std::array<char, kSpare> drained;
    while (read(tap_fd_, drained.data(), drained.size()) > 0) {
    }
    sockaddr_ll to = {};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(index_);
    for (int i = 0; i < kBatch; ++i) {
      if (sendto(host_.get(), packet_.data(), packet_.size(), 0,
                 reinterpret_cast<const sockaddr*>(&to), sizeof(to)) < 0) {
        std::abort();
      }
    }
  }

 private:
  std::unique_ptr<Tap> tap_;  // moves to the device
  const int tap_fd_;
  const NetPeer mac_;
  const unsigned index_;
  std::vector<uint8_t> packet_;
  DeviceBench guest_;
  const UniqueFd host_;
};

// Measures `receive` on each packet of a batch. An iteration is a batch.
template <typename Receive>
void MeasureReceiving(benchmark::State& state, TunBench& bench, const Receive& receive) {
  for (auto _ : state) {
    bench.SendBatch();
    TimeBatch(state, kBatch, receive);
  }
  state.SetItemsProcessed(kBatch * state.iterations());
}

void BM_TunSend(benchmark::State& state) {
  if (!WhyNot().empty()) return state.SkipWithError(WhyNot().c_str());
  const auto bytes = static_cast<uint16_t>(state.range(0));
  TunBench bench(bytes);
  const DmaSent sent = {bench.guest().MakeDma(1, bytes),
                        NetSlotKey(DeviceBench::kDevicePage, TunNet::kHostSlot)};
  for (auto _ : state) {
    if (!bench.guest().bus().Dispatch(sent).ok()) std::abort();
  }
}
BENCHMARK(BM_TunSend)->ArgName("bytes")->Arg(64)->Arg(1500);

void BM_Limit_TunSend(benchmark::State& state) {
  if (!WhyNot().empty()) return state.SkipWithError(WhyNot().c_str());
  const auto bytes = static_cast<uint16_t>(state.range(0));
  TunBench bench(bytes);
  const std::vector<iovec> packet = bench.guest().Pieces(1, bytes);
  for (auto _ : state) {
    if (writev(bench.tap_fd(), packet.data(), 1) != bytes) std::abort();
  }
}
BENCHMARK(BM_Limit_TunSend)->ArgName("bytes")->Arg(64)->Arg(1500);

void BM_TunReceive(benchmark::State& state) {
  if (!WhyNot().empty()) return state.SkipWithError(WhyNot().c_str());
  TunBench bench(static_cast<uint16_t>(state.range(0)));
  bench.guest().MakeDma(1, kBufferBytes);
  MeasureReceiving(state, bench, [&] {
    const Device::Input input = bench.guest().bus().Receive(0).value();
    if (input != Device::Input::kMore && input != Device::Input::kLast) std::abort();
  });
}
BENCHMARK(BM_TunReceive)->ArgName("bytes")->Arg(64)->Arg(1500)->UseManualTime();

void BM_Limit_TunReceive(benchmark::State& state) {
  if (!WhyNot().empty()) return state.SkipWithError(WhyNot().c_str());
  TunBench bench(static_cast<uint16_t>(state.range(0)));
  std::vector<iovec> to = bench.guest().Pieces(1, kBufferBytes);
  std::array<char, kSpare> spare;
  to.push_back({.iov_base = spare.data(), .iov_len = spare.size()});
  MeasureReceiving(state, bench, [&] {
    if (readv(bench.tap_fd(), to.data(), 2) <= 0) std::abort();
  });
}
BENCHMARK(BM_Limit_TunReceive)->ArgName("bytes")->Arg(64)->Arg(1500)->UseManualTime();

}  // namespace
}  // namespace lguest
