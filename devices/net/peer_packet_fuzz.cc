// Whatever another guest's launcher sends, a packet changes the bytes of the receive buffer and its
// used_len, and nothing else of guest memory. An error of Receive() has a reason.
// Input: a list of operations, see Step().

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "devices/net/peer_sockets.h"
#include "devices/net/shared_net.h"
#include "devices/net/shared_net_file.h"
#include "devices/testing/fake_guest.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "tools/fuzz/fuzz_input.h"
#include "tools/fuzz/fuzz_target.h"

namespace lguest {
namespace {

constexpr GuestPhys kPage(FakeGuest::kRam + kPageSize);
constexpr uint32_t kBuffers = 0x400;  // the lguest_dma of buffer n is at kBuffers + n * kBufferStep
constexpr uint32_t kBufferStep = 128;
constexpr uint32_t kMostBuffers = 24;
constexpr uint32_t kIrq = 1;

// Packets are parts of this text.
const std::string& AllBytes() {
  static const auto* const kText = [] {
    auto* const text = new std::string;
    constexpr size_t kLength = 0x10000 + 0x100;
    for (size_t i = 0; i < kLength; ++i) text->push_back(static_cast<char>(i % 251));
    return text;
  }();
  return *kText;
}

// The guest in slot 0 receives. The launcher of slot 1 sends.
class Network {
 public:
  explicit Network(const std::string& path) {
    auto file = SharedNetFile::Open(path).value();
    auto sockets = PeerSockets::Open(*file).value();
    Require(file->slot() == 0);
    device_ = std::make_unique<SharedNet>(std::move(file), std::move(sockets));
    Require(device_->Attach(guest_.memory(), {.pages = kPage, .irq = kIrq}).ok());
    peer_file_ = SharedNetFile::Open(path).value();
    peer_ = PeerSockets::Open(*peer_file_).value();
  }

  // Does one operation. Returns false at the guest's end.
  bool Step(FuzzInput& input) {
    switch (input.Take<uint8_t>() % 4) {
      case 0:
        Send(input.Take<uint16_t>(), input.Take<uint8_t>());
        return true;
      case 1:
        WritePage(input.Take<uint16_t>() % kPageSize, input.Take<uint32_t>());
        return true;
      case 2:
        Bind(input);
        return true;
      default:
        return Receive();
    }
  }

 private:
  void Send(size_t len, uint8_t first) {
    std::string packet = AllBytes().substr(first, len);
    const iovec piece = {.iov_base = packet.data(), .iov_len = packet.size()};
    const bool is_sent = peer_->Send(0, std::span(&piece, 1)) == PeerSockets::SendResult::kSent;
    if (is_sent && !packet.empty()) packets_.push_back(packet);
  }

  // The other launcher maps the same page.
  void WritePage(off_t offset, uint32_t value) {
    const size_t len = std::min(sizeof(value), static_cast<size_t>(kPageSize - offset));
    Require(pwrite(peer_file_->fd(), &value, len, offset) == static_cast<ssize_t>(len));
  }

  void Bind(FuzzInput& input) {
    if (bound_ == kMostBuffers) return;
    Dma dma = {};
    dma.used_len = input.Take<uint32_t>();
    const size_t sections = input.Take<uint8_t>() % (kMaxDmaSections + 1);
    for (size_t i = 0; i < sections; ++i) {
      dma.addr.at(i) = input.Take<uint32_t>();
      dma.len.at(i) = input.Take<uint16_t>();
    }
    const GuestPhys at(kBuffers + bound_++ * kBufferStep);
    Require(guest_.memory().Write(at, dma).ok());
    guest_.host().Bind(NetSlotKey(kPage, 0), at, kIrq);
    buffers_.push_back(at);
  }

  bool Receive() {
    std::vector<std::byte>& expected = CopyOfMemory();
    const size_t interrupts = guest_.host().interrupts().size();
    const auto input = device_->Receive(guest_.port());
    if (!input.ok()) {
      Require(!input.status().message().empty() && !buffers_.empty());
      Require(MemoryIs(expected));
      return false;
    }
    Require(*input != Device::Input::kClosed);
    if (*input == Device::Input::kNoRoom) {
      Require(buffers_.empty() && MemoryIs(expected));
      return true;
    }
    Require(!buffers_.empty());
    const uint32_t used = Fill(expected);
    Require(MemoryIs(expected));
    if (used != 0) Require(guest_.host().interrupts().size() == interrupts + 1);
    return true;
  }

  // Puts the next packet into the next buffer, as Receive() should do. Returns the used_len.
  uint32_t Fill(std::vector<std::byte>& memory) {
    const GuestPhys at = buffers_.front();
    buffers_.pop_front();
    Dma dma = {};
    std::memcpy(&dma, &memory[at.value()], sizeof(dma));
    std::string packet;
    if (!packets_.empty()) {
      packet = packets_.front();
      packets_.pop_front();
    }
    uint32_t used = 0;
    for (size_t i = 0; i < kMaxDmaSections && dma.len.at(i) != 0; ++i) {
      const size_t len = std::min<size_t>(dma.len.at(i), packet.size() - used);
      std::memcpy(&memory.at(dma.addr.at(i)), packet.data() + used, len);
      used += static_cast<uint32_t>(len);
    }
    std::memcpy(&memory[at.value()], &used, sizeof(used));
    return used;
  }

  // The same vector each time: to allocate one takes longer than to receive a packet.
  std::vector<std::byte>& CopyOfMemory() {
    static auto* const kCopy = new std::vector<std::byte>(guest_.memory().size());
    std::memcpy(kCopy->data(), guest_.memory().base(), kCopy->size());
    return *kCopy;
  }

  // Not operator==, which would compare byte by byte.
  bool MemoryIs(const std::vector<std::byte>& expected) {
    return std::memcmp(guest_.memory().base(), expected.data(), expected.size()) == 0;
  }

  FakeGuest guest_;
  std::unique_ptr<SharedNet> device_;
  std::unique_ptr<SharedNetFile> peer_file_;
  std::unique_ptr<PeerSockets> peer_;
  std::deque<std::string> packets_;  // on their way
  std::deque<GuestPhys> buffers_;    // bound and not filled
  uint32_t bound_ = 0;
};

}  // namespace
}  // namespace lguest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int kMostSteps = 64;
  static const auto* const kDirectory = new lguest::TempDir;
  lguest::FuzzInput input(data, size);
  const std::string path = kDirectory->Path("net");
  unlink(path.c_str());  // the page that the last input has written
  lguest::Network network(path);
  for (int i = 0; i < kMostSteps && !input.empty(); ++i) {
    if (!network.Step(input)) break;
  }
  return 0;
}
