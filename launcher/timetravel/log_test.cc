// Tests of writing and reading recordings.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/timetravel/log_entry.h"
#include "launcher/timetravel/log_file.h"
#include "launcher/timetravel/log_format.h"
#include "launcher/timetravel/log_reader.h"
#include "launcher/timetravel/log_writer.h"

namespace lguest::timetravel {
namespace {

using ::testing::HasSubstr;

LogHeader ExampleHeader() {
  return {.nanos_per_instruction = 2,
          .start = {.sec = 1000, .nsec = 5},
          .guest_id = 0xabcd,
          .memory = 64u << 20,
          .kernel = "vmlinux",
          .kernel_hash = "00ff",
          .initrds = {"a", "b"},
          .initrd_hash = "11ee",
          .command_line = "console=hvc0",
          .devices = {{.kind = RecordedDevice::Kind::kDisk, .label = "disk"},
                      {.kind = RecordedDevice::Kind::kNetwork, .label = "10.0.0.1"}}};
}

std::vector<LogEntry> ExampleEntries() {
  return {OutcomeEntry{.count = 0, .operation = 0, .device = 1, .outcome = {.value = 512}},
          ReadyEvent{.moment = {.count = 1'000'000, .sleeps = 0}, .passed = 0, .devices = 5},
          OutcomeEntry{.count = 1'000'000,
                       .operation = 7,
                       .device = 2,
                       .outcome = {.code = 0, .value = 3, .data = std::string("a\0b", 3)}},
          MarkEntry{.count = uint64_t{1} << 40, .registers = ~uint64_t{0}},
          ReadyEvent{.moment = {.count = uint64_t{1} << 40, .sleeps = 9},
                     .passed = 123'456'789,
                     .devices = 1,
                     .ends = true}};
}

const LogEnd kEnd = {.reason = "CRASH: Power down", .fingerprint = {{"memory", "0123"}}};

class LogTest : public testing::Test {
 protected:
  LogTest() {
    auto file = std::make_unique<SharedFile>(bytes_);
    LogWriter writer(std::move(file), ExampleHeader());
    header_size_ = bytes_.size();
    for (const LogEntry& entry : ExampleEntries()) writer.Append(entry);
    writer.Flush();
    entries_size_ = bytes_.size();
    writer.WriteEnd(kEnd);
    EXPECT_TRUE(writer.status().ok());
  }

  // A file whose bytes the test owns.
  class SharedFile final : public LogFile {
   public:
    explicit SharedFile(std::string& bytes) : bytes_(bytes) {}
    absl::Status Append(std::string_view bytes) override {
      bytes_.append(bytes);
      return absl::OkStatus();
    }
    absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) override {
      return offset >= bytes_.size() ? "" : bytes_.substr(static_cast<size_t>(offset), size);
    }

   private:
    std::string& bytes_;
  };

  absl::StatusOr<std::unique_ptr<LogReader>> Open() {
    return LogReader::Open(std::make_unique<SharedFile>(bytes_), "file");
  }

  static std::vector<LogEntry> ReadAll(LogReader& reader) {
    std::vector<LogEntry> entries;
    for (; reader.Peek() != nullptr; reader.Next()) entries.push_back(*reader.Peek());
    return entries;
  }

  std::string bytes_;
  size_t header_size_ = 0;
  size_t entries_size_ = 0;  // without the end
};

TEST_F(LogTest, AllIsReadBack) {
  const std::unique_ptr<LogReader> reader = Open().value();
  EXPECT_EQ(EncodeHeader(reader->header()), EncodeHeader(ExampleHeader()));
  EXPECT_EQ(reader->header().devices.at(1).label, "10.0.0.1");
  EXPECT_EQ(ReadAll(*reader), ExampleEntries());
  EXPECT_EQ(reader->end(), kEnd);
  EXPECT_TRUE(reader->status().ok());
}

TEST_F(LogTest, CutFileIsReadAsLongAsItGoes) {
  const std::string whole = bytes_;
  for (size_t size = 0; size < whole.size(); ++size) {
    bytes_ = whole.substr(0, size);
    const absl::StatusOr<std::unique_ptr<LogReader>> reader = Open();
    ASSERT_EQ(reader.ok(), size >= header_size_) << size;
    if (!reader.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(reader.status()));
      continue;
    }
    EXPECT_EQ(ReadAll(**reader).size(), size >= entries_size_ ? ExampleEntries().size() : 0u);
    EXPECT_FALSE((*reader)->end().has_value());
    EXPECT_TRUE((*reader)->status().ok());
  }
}

TEST_F(LogTest, EachFlippedByteIsNoticed) {
  const std::string whole = bytes_;
  for (size_t at = 0; at < whole.size(); ++at) {
    bytes_ = whole;
    bytes_[at] = static_cast<char>(bytes_[at] ^ 0x10);
    const absl::StatusOr<std::unique_ptr<LogReader>> reader = Open();
    if (!reader.ok()) {
      EXPECT_LT(at, header_size_);
      EXPECT_TRUE(absl::IsDataLoss(reader.status())) << reader.status();
      EXPECT_THAT(reader.status().message(), HasSubstr("file: offset "));
      continue;
    }
    // A size that is too large looks like a file that was cut.
    ReadAll(**reader);
    EXPECT_TRUE(!(*reader)->status().ok() || !(*reader)->end().has_value()) << at;
  }
}

TEST_F(LogTest, OtherVersionIsRefusedWithBothVersions) {
  bytes_[kMagic.size()] = 77;
  EXPECT_EQ(Open().status().message(),
            "file: offset 0: version 77 of the format at offset 17; this launcher replays version "
            "1");
}

TEST_F(LogTest, OtherFileIsRefused) {
  bytes_ = std::string(100, 'x');
  EXPECT_EQ(Open().status().message(),
            "file: offset 0: starts with \"xxxxxxxxxxxxxxxxx\" instead of \"lguest recording\\n\"");
}

TEST_F(LogTest, HugePieceIsRefusedUnread) {
  bytes_.replace(header_size_, 4, "\xff\xff\xff\x7f");
  const std::unique_ptr<LogReader> reader = Open().value();
  EXPECT_EQ(reader->Peek(), nullptr);
  EXPECT_THAT(reader->status().message(), HasSubstr("a piece of 2147483647 bytes"));
}

TEST_F(LogTest, SecondHeaderIsRefused) {
  bytes_.insert(header_size_, EncodePiece(PieceKind::kHeader, EncodeHeader(ExampleHeader())));
  EXPECT_THAT(Open().value()->status().message(), HasSubstr("a second header"));
}

TEST_F(LogTest, UnknownEntryIsRefused) {
  ByteWriter entry;
  entry.Number(9);
  bytes_.insert(header_size_, EncodePiece(PieceKind::kEntries, entry.bytes()));
  EXPECT_THAT(Open().value()->status().message(), HasSubstr("an entry of kind 9"));
}

TEST_F(LogTest, RunWithoutInputTakesFewBytes) { EXPECT_LT(entries_size_ - header_size_, 80u); }

// Entries that are written while the launcher runs, so that a killed launcher loses little.
TEST_F(LogTest, FlushWithoutEntriesWritesNothing) {
  std::string bytes;
  LogWriter writer(std::make_unique<SharedFile>(bytes), ExampleHeader());
  const size_t size = bytes.size();
  writer.Flush();
  EXPECT_EQ(bytes.size(), size);
}

TEST(LogWriterTest, FirstErrorIsKept) {
  class FullFile final : public LogFile {
   public:
    absl::Status Append(std::string_view /*bytes*/) override {
      return absl::ResourceExhaustedError(++calls_ == 1 ? "full" : "again");
    }
    absl::StatusOr<std::string> ReadAt(uint64_t /*offset*/, size_t /*size*/) override { return ""; }

   private:
    int calls_ = 0;
  };
  LogWriter writer(std::make_unique<FullFile>(), ExampleHeader());
  writer.WriteEnd(kEnd);
  EXPECT_EQ(writer.status().message(), "full");
}

}  // namespace
}  // namespace lguest::timetravel
