// Tests of recording and replaying what backends return.

#include "launcher/timetravel/taped_backends.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "devices/bus/io_vector.h"
#include "devices/testing/fake_console_backend.h"
#include "devices/testing/fake_packet_backend.h"
#include "devices/testing/faulty_block_backend.h"
#include "devices/testing/memory_block_backend.h"
#include "launcher/timetravel/log_file.h"
#include "launcher/timetravel/log_reader.h"
#include "launcher/timetravel/log_writer.h"
#include "launcher/timetravel/recorder.h"
#include "launcher/timetravel/replayer.h"

namespace lguest::timetravel {
namespace {

// Forwards to a file that outlives the writer.
class SharedFile final : public LogFile {
 public:
  explicit SharedFile(MemoryLogFile& file) : file_(file) {}
  absl::Status Append(std::string_view bytes) override { return file_.Append(bytes); }
  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) override {
    return file_.ReadAt(offset, size);
  }

 private:
  MemoryLogFile& file_;
};

class TapedBackendsTest : public testing::Test {
 protected:
  // Call when the recording is complete.
  Tape& Replay() {
    writer_->WriteEnd({});
    reader_ = LogReader::Open(std::make_unique<SharedFile>(file_), "file").value();
    replayer_ = std::make_unique<Replayer>(*reader_);
    return *replayer_;
  }

  void ExpectAllReplayed() {
    EXPECT_TRUE(replayer_->status().ok()) << replayer_->status();
    EXPECT_EQ(reader_->Peek(), nullptr);
    EXPECT_TRUE(reader_->end().has_value());
  }

  MemoryLogFile file_;
  std::unique_ptr<LogWriter> writer_ =
      std::make_unique<LogWriter>(std::make_unique<SharedFile>(file_), LogHeader());
  Recorder recorder_{*writer_};
  std::unique_ptr<LogReader> reader_;
  std::unique_ptr<Replayer> replayer_;
};

std::string Read(ConsoleBackend& console) {
  std::array<std::byte, 8> bytes = {};
  const absl::StatusOr<size_t> len = console.Read(bytes);
  if (!len.ok()) return absl::StatusCodeToString(len.status().code());
  return std::string(reinterpret_cast<const char*>(bytes.data()), *len);
}

size_t Write(ConsoleBackend& console, std::string text) {
  const iovec piece = {.iov_base = text.data(), .iov_len = text.size()};
  return console.Write(std::span(&piece, 1)).value_or(999);
}

void UseConsole(ConsoleBackend& console, std::string& seen) {
  for (int i = 0; i < 2; ++i) seen += Read(console) + ";";
  seen += std::to_string(Write(console, "long text")) + ";";
  seen += console.WaitForRoom(-1).ToString() + ";";
  seen += std::to_string(Write(console, "more")) + ";";
  for (int i = 0; i < 2; ++i) seen += Read(console) + ";";
}

TEST_F(TapedBackendsTest, ConsoleIsReplayed) {
  FakeUser user;
  user.input = {"ab", "a long line"};
  user.room = 4;
  TapedConsole recorded(3, std::make_unique<FakeConsoleBackend>(user), recorder_);
  std::string seen;
  UseConsole(recorded, seen);
  EXPECT_EQ(seen, "ab;a long l;4;OK;4;ine;UNAVAILABLE;");

  FakeUser screen;
  const bool is_shown = true;
  ShownConsole replayed(std::make_unique<TapedConsole>(3, nullptr, Replay()),
                        std::make_unique<FakeConsoleBackend>(screen), is_shown);
  std::string again;
  UseConsole(replayed, again);
  EXPECT_EQ(again, seen);
  EXPECT_EQ(screen.output, "longmore");
  EXPECT_EQ(replayed.input_fd(), -1);
  ExpectAllReplayed();
}

TEST_F(TapedBackendsTest, UsualResultsAreNotKept) {
  FakeUser user;
  TapedConsole recorded(3, std::make_unique<FakeConsoleBackend>(user), recorder_);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Read(recorded), "UNAVAILABLE");
    EXPECT_EQ(Write(recorded, "text"), 4u);
  }
  const size_t before = file_.bytes().size();
  writer_->Flush();
  EXPECT_EQ(file_.bytes().size(), before);
}

std::string Read(BlockBackend& disk, uint64_t offset) {
  std::string bytes(8, '.');
  const iovec pieces[] = {{.iov_base = bytes.data(), .iov_len = 3},
                          {.iov_base = bytes.data() + 3, .iov_len = 5}};
  const absl::Status read = disk.ReadAt(offset, pieces);
  return read.ok() ? bytes : read.ToString() + bytes;
}

std::string Write(BlockBackend& disk, uint64_t offset, std::string text) {
  const iovec piece = {.iov_base = text.data(), .iov_len = text.size()};
  return disk.WriteAt(offset, std::span(&piece, 1)).ToString();
}

TEST_F(TapedBackendsTest, DiskIsReplayedWithoutTheDisk) {
  std::string bytes = "0123456789abcdef";
  TapedBlock recorded(0, std::make_unique<MemoryBlockBackend>(bytes), recorder_);
  const auto use = [](BlockBackend& disk) {
    std::string seen = std::to_string(disk.size());
    seen += Read(disk, 4);
    seen += Write(disk, 4, "new");
    seen += Read(disk, 4);
    seen += Read(disk, 12);
    seen += Write(disk, 15, "xx");
    return seen;
  };
  const std::string seen = use(recorded);
  EXPECT_EQ(seen.substr(0, 20),
            "1645678"
            "9abOKnew789ab");
  const std::string after = bytes;

  TapedBlock replayed(0, nullptr, Replay());
  EXPECT_EQ(use(replayed), seen);
  EXPECT_EQ(bytes, after);
  EXPECT_TRUE(replayed.Sync().ok());
  ExpectAllReplayed();
}

TEST_F(TapedBackendsTest, NetworkIsReplayed) {
  FakeNetwork network;
  network.to_guest = {"packet", "a packet that is too long"};
  TapedPackets recorded(1, std::make_unique<FakePacketBackend>(network), recorder_);
  const auto use = [](PacketBackend& net) {
    const NetPeer mac = net.mac();
    std::string seen(mac.mac.begin(), mac.mac.end());
    for (int i = 0; i < 3; ++i) {
      seen += net.IsReadable() ? "r" : "-";
      std::string bytes(10, '.');
      const iovec piece = {.iov_base = bytes.data(), .iov_len = bytes.size()};
      const absl::StatusOr<size_t> len = net.Read(IoVector(std::span(&piece, 1)));
      seen += len.ok() ? bytes.substr(0, *len) : absl::StatusCodeToString(len.status().code());
      seen += net.Write(std::span(&piece, 1)).ToString();
    }
    return seen;
  };
  const std::string seen = use(recorded);
  EXPECT_EQ(seen.substr(6), "rpacketOKra packet tOK-UNAVAILABLEOK");
  EXPECT_EQ(network.from_guest.size(), 3u);

  TapedPackets replayed(1, nullptr, Replay());
  EXPECT_EQ(use(replayed), seen);
  EXPECT_EQ(replayed.fd(), -1);
  EXPECT_EQ(network.from_guest.size(), 3u);
  ExpectAllReplayed();
}

TEST_F(TapedBackendsTest, OtherDeviceIsADifference) {
  std::string bytes = "0123456789abcdef";
  TapedBlock recorded(0, std::make_unique<MemoryBlockBackend>(bytes), recorder_);
  Tape& tape = Replay();
  FakeUser screen;
  TapedConsole other(1, nullptr, tape);
  EXPECT_EQ(Read(other), "UNAVAILABLE");
  EXPECT_EQ(replayer_->status().message(),
            "the replay differs from the recording at instruction 0: device 1 is used, and device "
            "0 in the recording");
}

// The recording says that more was read than there is room for.
TEST_F(TapedBackendsTest, HostileRecordingDoesNotOverflow) {
  writer_->Append(OutcomeEntry{
      .count = 0, .operation = 0, .device = 0, .outcome = {.value = 9, .data = "123456789"}});
  writer_->Append(
      OutcomeEntry{.count = 0, .operation = 1, .device = 0, .outcome = {.value = 8, .data = "12"}});
  writer_->Append(
      OutcomeEntry{.count = 0, .operation = 2, .device = 0, .outcome = {.value = 5, .data = ""}});
  TapedConsole console(0, nullptr, Replay());
  EXPECT_EQ(Read(console), "DATA_LOSS");
  EXPECT_EQ(Read(console), std::string("12\0\0\0\0\0\0", 8));
  EXPECT_EQ(Write(console, "1234"), 999u);
}

}  // namespace
}  // namespace lguest::timetravel
