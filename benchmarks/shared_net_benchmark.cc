// The round trip of a packet to a guest in another process, beside bare Unix datagrams. Both ends
// wait in poll(), as launchers do, so most of the time is the kernel waking up processes.

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "devices/bus/io_vector.h"
#include "devices/net/peer_sockets.h"
#include "devices/net/shared_net_file.h"
#include "launcher/base/unique_fd.h"

namespace lguest {
namespace {

constexpr size_t kLongest = 1514;

void WaitFor(int fd) {
  pollfd ready = {.fd = fd, .events = POLLIN, .revents = 0};
  if (poll(&ready, 1, -1) != 1) std::abort();
}

// One end of a shared network.
class PeerEnd {
 public:
  explicit PeerEnd(const std::string& path)
      : file_(SharedNetFile::Open(path).value()), sockets_(PeerSockets::Open(*file_).value()) {}

  uint32_t slot() const { return file_->slot(); }
  void Send(uint32_t slot, const iovec& packet) {
    if (sockets_->Send(slot, {&packet, 1}) != PeerSockets::SendResult::kSent) std::abort();
  }
  size_t Receive(const iovec& room) {
    WaitFor(sockets_->fd());
    return sockets_->Receive(IoVector({&room, 1})).value();
  }

 private:
  const std::unique_ptr<SharedNetFile> file_;
  const std::unique_ptr<PeerSockets> sockets_;
};

// The same without the shared network's code.
class BareEnd {
 public:
  explicit BareEnd(int fd) : fd_(fd) {}

  void Send(const iovec& packet) const {
    if (writev(fd_.get(), &packet, 1) < 0) std::abort();
  }
  size_t Receive(const iovec& room) const {
    WaitFor(fd_.get());
    return static_cast<size_t>(readv(fd_.get(), &room, 1));
  }

 private:
  const UniqueFd fd_;
};

// Runs `answer` in another process, which exits when `answer` returns.
template <typename Answer>
pid_t Fork(const Answer& answer) {
  const pid_t pid = fork();
  if (pid < 0) std::abort();
  if (pid == 0) {
    answer();
    _exit(0);
  }
  return pid;
}

// A packet of one byte tells the other process to exit.
constexpr size_t kLast = 1;

void BM_SharedNetRoundTrip(benchmark::State& state) {
  std::string directory = std::filesystem::temp_directory_path() / "lguest-net-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) std::abort();
  const std::string path = directory + "/net";
  std::vector<std::byte> bytes(kLongest);
  const auto here = std::make_unique<PeerEnd>(path);
  std::array<int, 2> started;
  if (pipe(started.data()) != 0) std::abort();
  const pid_t other = Fork([&] {
    PeerEnd there(path);
    const uint32_t slot = there.slot();
    if (write(started[1], &slot, sizeof(slot)) != sizeof(slot)) std::abort();
    for (size_t len = 0; len != kLast;) {
      len = there.Receive({.iov_base = bytes.data(), .iov_len = bytes.size()});
      there.Send(here->slot(), {.iov_base = bytes.data(), .iov_len = len});
    }
  });
  uint32_t slot = 0;
  if (read(started[0], &slot, sizeof(slot)) != sizeof(slot)) std::abort();
  const auto call = [&](size_t len) {
    here->Send(slot, {.iov_base = bytes.data(), .iov_len = len});
    if (here->Receive({.iov_base = bytes.data(), .iov_len = bytes.size()}) != len) std::abort();
  };
  for (auto _ : state) call(static_cast<size_t>(state.range(0)));
  call(kLast);
  waitpid(other, nullptr, 0);
  for (const int fd : started) close(fd);
  std::filesystem::remove_all(directory);
}
BENCHMARK(BM_SharedNetRoundTrip)->ArgName("bytes")->Arg(64)->Arg(1500)->UseRealTime();

void BM_Limit_SharedNetRoundTrip(benchmark::State& state) {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  std::vector<std::byte> bytes(kLongest);
  const BareEnd here(ends[0]);
  const BareEnd there(ends[1]);
  const pid_t other = Fork([&] {
    for (size_t len = 0; len != kLast;) {
      len = there.Receive({.iov_base = bytes.data(), .iov_len = bytes.size()});
      there.Send({.iov_base = bytes.data(), .iov_len = len});
    }
  });
  const auto call = [&](size_t len) {
    here.Send({.iov_base = bytes.data(), .iov_len = len});
    if (here.Receive({.iov_base = bytes.data(), .iov_len = bytes.size()}) != len) std::abort();
  };
  for (auto _ : state) call(static_cast<size_t>(state.range(0)));
  call(kLast);
  waitpid(other, nullptr, 0);
}
BENCHMARK(BM_Limit_SharedNetRoundTrip)->ArgName("bytes")->Arg(64)->Arg(1500)->UseRealTime();

}  // namespace
}  // namespace lguest
