#include "devices/net/peer_sockets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "devices/net/shared_net_file.h"
#include "gtest/gtest.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/base/testing/without_capabilities.h"

namespace lguest {
namespace {

using SendResult = PeerSockets::SendResult;

// The file and sockets of one launcher.
struct Peer {
  explicit Peer(const std::string& path)
      : file(SharedNetFile::Open(path).value()), sockets(PeerSockets::Open(*file).value()) {}

  SendResult Send(uint32_t slot, std::string text) const {
    const std::array<iovec, 1> pieces = {{{text.data(), text.size()}}};
    return sockets->Send(slot, pieces);
  }
  std::string Receive(size_t room = 100) const {
    std::string text(room, '\0');
    const std::array<iovec, 1> pieces = {{{text.data(), text.size()}}};
    const auto len = sockets->Receive(IoVector(pieces));
    return len.ok() ? text.substr(0, *len) : std::string(len.status().message());
  }

  std::unique_ptr<SharedNetFile> file;
  std::unique_ptr<PeerSockets> sockets;
};

class PeerSocketsTest : public testing::Test {
 protected:
  size_t Sockets(const std::string& directory = "") const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.Path(directory))) {
      if (entry.is_socket()) ++count;
    }
    return count;
  }

  TempDir dir_;
};

TEST_F(PeerSocketsTest, PacketsReachTheirSlot) {
  const Peer a(dir_.Path("net"));
  const Peer b(dir_.Path("net"));
  const Peer c(dir_.Path("net"));
  EXPECT_EQ(a.Send(1, "to b"), SendResult::kSent);
  EXPECT_EQ(b.Send(2, "to c"), SendResult::kSent);
  EXPECT_EQ(b.Receive(), "to b");
  EXPECT_EQ(c.Receive(), "to c");
  EXPECT_EQ(a.Receive(), "no packet");
  EXPECT_NE(fcntl(a.sockets->fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(PeerSocketsTest, MorePeersThanConnectionsAreReached) {
  const Peer a(dir_.Path("net"));
  std::vector<std::unique_ptr<Peer>> others(PeerSockets::kConnections + 2);
  for (std::unique_ptr<Peer>& other : others) other = std::make_unique<Peer>(dir_.Path("net"));
  for (int round = 0; round < 2; ++round) {
    for (const auto& other : others) {
      EXPECT_EQ(a.Send(other->file->slot(), "x"), SendResult::kSent);
      EXPECT_EQ(other->Receive(), "x");
    }
  }
}

TEST_F(PeerSocketsTest, EmptyPacketIsNoPacket) {
  const Peer a(dir_.Path("net"));
  const Peer b(dir_.Path("net"));
  EXPECT_EQ(a.Send(1, ""), SendResult::kSent);
  EXPECT_EQ(b.Receive(), "no packet");
}

TEST_F(PeerSocketsTest, NoPeer) {
  const Peer a(dir_.Path("net"));
  EXPECT_EQ(a.Send(1, "x"), SendResult::kNoPeer);
  EXPECT_EQ(a.Send(681, "x"), SendResult::kNoPeer);
}

TEST_F(PeerSocketsTest, NetworksOfOneDirectoryAreSeparate) {
  const Peer a(dir_.Path("net"));
  const Peer other(dir_.Path("other"));
  const Peer also_other(dir_.Path("other"));
  EXPECT_EQ(a.Send(1, "x"), SendResult::kNoPeer);
}

TEST_F(PeerSocketsTest, HardLinkIsTheSameNetwork) {
  const Peer a(dir_.Path("net"));
  std::filesystem::create_hard_link(dir_.Path("net"), dir_.Path("alias"));
  const Peer b(dir_.Path("alias"));
  EXPECT_EQ(b.file->slot(), 1u);
  EXPECT_EQ(a.Send(1, "x"), SendResult::kSent);
  EXPECT_EQ(b.Receive(), "x");
}

TEST_F(PeerSocketsTest, PathsOfAnyLength) {
  std::string deep;
  for (int i = 0; i < 10; ++i) deep.append(100, static_cast<char>('a' + i)).append("/");
  std::filesystem::create_directories(dir_.Path(deep));
  const Peer a(dir_.Path(deep + std::string(200, 'n')));
  const Peer b(dir_.Path(deep + std::string(200, 'n')));
  EXPECT_EQ(a.Send(1, "x"), SendResult::kSent);
  EXPECT_EQ(b.Receive(), "x");
}

TEST_F(PeerSocketsTest, LongPacketIsTruncated) {
  const Peer a(dir_.Path("net"));
  const Peer b(dir_.Path("net"));
  EXPECT_EQ(a.Send(1, "abcdef"), SendResult::kSent);
  EXPECT_EQ(b.Receive(3), "abc");
  EXPECT_EQ(b.Receive(), "no packet");
  EXPECT_EQ(a.Send(1, std::string(65536, 'x')), SendResult::kSent);
  EXPECT_EQ(b.Receive(70000).size(), 65536u);
  EXPECT_EQ(a.Send(1, "abcdef"), SendResult::kSent);
  EXPECT_EQ(b.Receive(0), "");
  EXPECT_EQ(b.Receive(), "no packet");
}

TEST_F(PeerSocketsTest, FullQueueNeverBlocks) {
  const Peer a(dir_.Path("net"));
  const Peer b(dir_.Path("net"));
  SendResult result = SendResult::kSent;
  int sent = 0;
  for (; sent < 1000000 && result == SendResult::kSent; ++sent) {
    result = a.Send(1, std::string(1000, 'x'));
  }
  EXPECT_EQ(result, SendResult::kQueueFull);
  EXPECT_EQ(b.Receive(2000).size(), 1000u);
}

TEST_F(PeerSocketsTest, SocketHasThePermissionsOfTheFile_B72) {
  const std::string path = dir_.Path("net");
  {
    const Peer make(path);
  }
  ASSERT_EQ(chmod(path.c_str(), 0660), 0);
  const mode_t before = umask(022);
  const Peer a(path);
  umask(before);
  for (const auto& entry : std::filesystem::directory_iterator(dir_.Path(""))) {
    if (!entry.is_socket()) continue;
    struct stat info;
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0660u);
  }
}

TEST_F(PeerSocketsTest, SocketsAreRemoved) {
  {
    const Peer a(dir_.Path("net"));
    const Peer b(dir_.Path("net"));
    EXPECT_EQ(Sockets(), 2u);
  }
  EXPECT_EQ(Sockets(), 0u);
}

TEST_F(PeerSocketsTest, SocketOfAKilledLauncherIsReplaced) {
  const pid_t child = fork();
  if (child == 0) {
    const Peer a(dir_.Path("net"));
    kill(getpid(), SIGKILL);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(Sockets(), 1u);
  const auto keep_slot_0 = SharedNetFile::Open(dir_.Path("net")).value();
  const Peer b(dir_.Path("net"));
  EXPECT_EQ(b.Send(0, "x"), SendResult::kNoPeer);
  const auto sockets = PeerSockets::Open(*keep_slot_0);
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_EQ(b.Send(0, "x"), SendResult::kSent);
}

TEST_F(PeerSocketsTest, NewOwnerOfASlotReceivesPackets) {
  auto a = std::make_unique<Peer>(dir_.Path("net"));
  const Peer b(dir_.Path("net"));
  EXPECT_EQ(b.Send(0, "to a"), SendResult::kSent);
  a = nullptr;
  EXPECT_EQ(b.Send(0, "to nobody"), SendResult::kNoPeer);
  a = std::make_unique<Peer>(dir_.Path("net"));
  EXPECT_EQ(b.Send(0, "to a"), SendResult::kSent);
  a = nullptr;
  a = std::make_unique<Peer>(dir_.Path("net"));
  EXPECT_EQ(b.Send(0, "to a again"), SendResult::kSent);
  EXPECT_EQ(a->Receive(), "to a again");
}

TEST_F(PeerSocketsTest, OtherFileWithTheSocketNameIsKept) {
  const auto file = SharedNetFile::Open(dir_.Path("net")).value();
  std::array<char, 64> name;
  snprintf(name.data(), name.size(), ".lguest-net-%llx.0",
           static_cast<unsigned long long>(file->inode()));
  dir_.File(name.data(), "precious");
  const absl::Status status = PeerSockets::Open(*file).status();
  EXPECT_NE(status.message().find("Address already in use"), std::string::npos) << status;
  EXPECT_EQ(dir_.Contents(name.data()), "precious");
}

TEST_F(PeerSocketsTest, UnwritableDirectoryIsExplained) {
  const auto file = SharedNetFile::Open(dir_.Path("net")).value();
  const WithoutCapabilities no_capabilities;
  ASSERT_EQ(chmod(dir_.Path("").c_str(), 0500), 0);
  const absl::Status status = PeerSockets::Open(*file).status();
  ASSERT_EQ(chmod(dir_.Path("").c_str(), 0700), 0);
  EXPECT_NE(status.message().find("needs write access to the directory"), std::string::npos)
      << status;
}

}  // namespace
}  // namespace lguest
