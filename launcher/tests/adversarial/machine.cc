#include "launcher/tests/adversarial/machine.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "devices/block/block_device.h"
#include "devices/block/block_spec.h"
#include "devices/block/file_block_backend.h"
#include "devices/bus/device_bus.h"
#include "devices/console/console.h"
#include "devices/console/console_backend.h"
#include "devices/net/packet_backend.h"
#include "devices/net/shared_net.h"
#include "devices/net/tun_net.h"
#include "gtest/gtest.h"
#include "hostsim/clock.h"
#include "hostsim/software_host.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "hostsim/testing/test_platform.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/run_loop.h"

namespace lguest {
namespace {

using hostsim::Script;

constexpr int kPackets = 4;  // pending packets on each network

// A packet backend on a socket: one packet per message.
class SocketBackend final : public PacketBackend {
 public:
  explicit SocketBackend(int fd) : fd_(fd) {}

  int fd() const override { return fd_; }
  NetPeer mac() const override { return {{2, 1, 2, 3, 4, 5}}; }
  bool IsReadable() const override {
    pollfd ready = {.fd = fd_, .events = POLLIN, .revents = 0};
    return poll(&ready, 1, 0) != 0;
  }
  absl::StatusOr<size_t> Read(const IoVector& to) override {
    msghdr message = {};
    message.msg_iov = const_cast<iovec*>(to.data());
    message.msg_iovlen = static_cast<size_t>(to.count());
    const ssize_t len = recvmsg(fd_, &message, MSG_DONTWAIT);
    if (len < 0) return absl::UnavailableError("no packet");
    return static_cast<size_t>(len);
  }
  absl::Status Write(std::span<const iovec> packet) override {
    msghdr message = {};
    message.msg_iov = const_cast<iovec*>(packet.data());
    message.msg_iovlen = packet.size();
    if (sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return absl::OkStatus();
    return ErrnoStatus("sending a packet");
  }

 private:
  const int fd_;
};

std::pair<UniqueFd, UniqueFd> SocketPair() {
  std::array<int, 2> ends = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::pair<UniqueFd, UniqueFd> Pipe() {
  std::array<int, 2> ends = {-1, -1};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void Write(int fd, std::string_view bytes) {
  EXPECT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

// The guest that plays a script.
struct Guest {
  absl::StatusOr<BootState> Load(const Script& script, AttackerCpu kind, GuestMemory& memory) {
    if (kind == AttackerCpu::kScripted) {
      scripted = std::make_unique<hostsim::ScriptedVcpu>(memory, script);
      return BootState{.pfn_limit = kTop / kPageSize,
                       .page_directory = GuestPhys(0x8000),
                       .entry = GuestVirt(Script::kPageOffset + hostsim::kScriptCodeStart),
                       .page_offset = Script::kPageOffset};
    }
    absl::StatusOr<BootState> boot = hostsim::LoadScriptCode(script, memory);
    if (!boot.ok()) return boot.status();
    absl::StatusOr<std::unique_ptr<hostsim::Vcpu>> cpu =
        hostsim::CurrentTestPlatform().new_cpu(memory);
    if (!cpu.ok()) return cpu.status();
    real = *std::move(cpu);
    return boot;
  }

  hostsim::Vcpu& cpu() {
    return scripted != nullptr ? static_cast<hostsim::Vcpu&>(*scripted) : *real;
  }

  std::unique_ptr<hostsim::ScriptedVcpu> scripted;
  std::unique_ptr<hostsim::Vcpu> real;
};

}  // namespace

std::vector<AttackerCpu> CpusUnderTest() {
  if (hostsim::CurrentTestPlatform().is_slow) return {AttackerCpu::kCode};
  return {AttackerCpu::kScripted, AttackerCpu::kCode};
}

AttackMachine::AttackMachine() {
  dir_.File("disk", UntouchedDisk());
  std::tie(keyboard_end_, keyboard_) = Pipe();
  std::tie(network_end_, network_) = SocketPair();
}

std::string AttackMachine::UntouchedDisk() {
  std::string disk;
  for (uint32_t i = 0; i < kSectors; ++i) {
    disk.append(kSectorSize, static_cast<char>('!' + i));
  }
  return disk;
}

std::string AttackMachine::Run(const Script& script, AttackerCpu cpu) {
  const LogSink log = [this](const std::string&) { ++notices_; };
  const UniqueFd screen(open(dir_.Path("screen").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::unique_ptr<GuestMemory> memory = GuestMemory::Create(kTop).value();
  Guest guest;
  const absl::StatusOr<BootState> boot = guest.Load(script, cpu, *memory);
  if (!boot.ok()) return std::string(boot.status().message());

  std::vector<std::unique_ptr<Device>> devices;
  devices.push_back(std::make_unique<BlockDevice>(
      "disk", FileBlockBackend::Open({.path = dir_.Path("disk")}, log).value(), log));
  devices.push_back(
      std::make_unique<TunNet>("tun", std::make_unique<SocketBackend>(network_end_.get()), log));
  auto file = SharedNetFile::Open(NetFile()).value();
  auto sockets = PeerSockets::Open(*file).value();
  devices.push_back(std::make_unique<SharedNet>(std::move(file), std::move(sockets), log));
  devices.push_back(std::make_unique<Console>(
      std::make_unique<FdConsoleBackend>(keyboard_end_.get(), screen.get()), log));
  peer_ = SharedNetFile::Open(NetFile()).value();
  peer_sockets_ = PeerSockets::Open(*peer_).value();

  Write(keyboard_.get(), std::string(1000, 'k'));
  std::string packet(1500, 'p');
  const std::array<iovec, 1> pieces = {{{packet.data(), packet.size()}}};
  for (int i = 0; i < kPackets; ++i) {
    Write(network_.get(), packet);
    EXPECT_EQ(peer_sockets_->Send(0, pieces), PeerSockets::SendResult::kSent);
  }

  const std::unique_ptr<hostsim::Clock> clock = hostsim::NewRealClock().value();
  hostsim::SoftwareHost host(*memory, guest.cpu(), *clock);
  const std::unique_ptr<DeviceBus> bus =
      DeviceBus::Create(*memory, host, GuestPhys(kDescriptors), std::move(devices), log).value();
  if (absl::Status started = host.Initialize(*boot); !started.ok()) {
    return std::string(started.message());
  }
  const absl::StatusOr<std::string> death = RunGuest(host, *bus, log, nullptr);
  std::string outcome;
  const std::vector<std::string> failures = guest.scripted != nullptr
                                                ? guest.scripted->failures()
                                                : hostsim::ScriptCodeFailures(script, *memory);
  for (const std::string& failure : failures) absl::StrAppend(&outcome, failure, "; ");
  absl::StrAppend(&outcome, death.ok() ? *death : death.status().message());
  return outcome;
}

void RequestBlock(Script& script, int32_t type, uint32_t sector, uint32_t bytes) {
  const uint32_t page = kBlockPage.value();
  script.Put32(page, static_cast<uint32_t>(type)).Put32(page + 4, sector).Put32(page + 8, bytes);
  script.Put32(page + 12, 0);
}

void AppendFinalCheck(Script& script) {
  constexpr uint32_t kSent = 0x9000;
  constexpr uint32_t kReply = 0x9100;
  constexpr uint32_t kText = 0x9200;
  constexpr uint32_t kBuffer = 0x9400;
  constexpr uint32_t kSector = 5;
  RequestBlock(script, 0, kSector, kSectorSize);
  script.Dma(kReply, {{kBuffer, kSectorSize}})
      .Bind(kBlockKey, GuestPhys(kReply), 1, kBlockIrq)
      .ExpectResult(1)
      .Dma(kSent, {})
      .Send(kBlockKey, GuestPhys(kSent))
      .Wait(kBlockIrq)
      .Expect32(kBlockPage.value() + 12, 1)
      .Expect32(kReply, kSectorSize)
      .Expect(kBuffer, std::string(kSectorSize, '!' + kSector))
      .Put(kText, "alive")
      .Dma(kSent, {{kText, 5}})
      .Send(kConsoleKey, GuestPhys(kSent))
      .Expect32(kSent, 5)
      .Crash("still working");
}

}  // namespace lguest
