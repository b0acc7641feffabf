#include "devices/block/block_device.h"

#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "devices/testing/fake_guest.h"
#include "devices/testing/faulty_block_backend.h"
#include "devices/testing/memory_block_backend.h"
#include "devices/testing/rewritten_page.h"
#include "devices/testing/write_recorder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

constexpr GuestPhys kPage(FakeGuest::kRam + kPageSize);
constexpr DmaKey kKey(FakeGuest::kRam + kPageSize);
constexpr uint32_t kIrq = 1;
constexpr uint32_t kSectors = 64;
constexpr uint32_t kBuffer = 0x10000;  // guest address of test data
constexpr uint32_t kSentAt = 0x100;
constexpr uint32_t kReplyAt = 0x200;

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i / kSectorSize + i);
  return bytes;
}

// A disk without storage. Records the last offset.
class HugeDisk final : public BlockBackend {
 public:
  explicit HugeDisk(uint64_t size) : size_(size) {}
  uint64_t size() const override { return size_; }
  absl::Status ReadAt(uint64_t offset, std::span<const iovec> /*pieces*/) override {
    last_offset = offset;
    return absl::OkStatus();
  }
  absl::Status WriteAt(uint64_t offset, std::span<const iovec> pieces) override {
    return ReadAt(offset, pieces);
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  static inline uint64_t last_offset = 0;

 private:
  const uint64_t size_;
};

class BlockDeviceTest : public testing::Test {
 protected:
  BlockDeviceTest() : disk_(Pattern(kSectors * kSectorSize)) {
    Use(std::make_unique<FaultyBlockBackend>(std::make_unique<MemoryBlockBackend>(disk_), faults_));
  }

  void Use(std::unique_ptr<BlockBackend> backend) {
    device_ = std::make_unique<BlockDevice>(
        "disk", std::move(backend),
        [this](const std::string& line) { log_lines_.push_back(line); });
    ASSERT_TRUE(device_->Attach(guest_.memory(), {.pages = kPage, .irq = kIrq}).ok());
  }

  void Request(int32_t type, uint32_t sector, uint32_t bytes) {
    BlockPage page = guest_.memory().Read<BlockPage>(kPage).value();
    page.type = type;
    page.sector = sector;
    page.bytes = bytes;
    page.result = 0;
    ASSERT_TRUE(guest_.memory().Write(kPage, page).ok());
  }

  absl::Status Send(const std::vector<FakeGuest::Section>& sections) {
    const auto taken = device_->Send(kKey, guest_.Chain(kSentAt, sections), guest_.port());
    if (!taken.ok()) return taken.status();
    EXPECT_EQ(*taken, std::optional<uint32_t>(0));
    return absl::OkStatus();
  }

  // Executes a read request; returns its `result`.
  int32_t Read(uint32_t sector, uint32_t bytes, const std::vector<FakeGuest::Section>& reply) {
    Request(0, sector, bytes);
    guest_.BindDma(kKey, kReplyAt, reply, kIrq);
    EXPECT_TRUE(Send({}).ok());
    return Result();
  }

  int32_t Write(uint32_t sector, uint32_t bytes, const std::vector<FakeGuest::Section>& data) {
    Request(1, sector, bytes);
    guest_.BindDma(kKey, kReplyAt, {}, kIrq);
    EXPECT_TRUE(Send(data).ok());
    return Result();
  }

  int32_t Result() { return guest_.memory().Read<BlockPage>(kPage)->result; }
  uint32_t ReplyUsed() { return guest_.UsedLen(GuestPhys(kReplyAt)); }

  FakeGuest guest_;
  std::string disk_;
  BlockFaults faults_;
  std::vector<std::string> log_lines_;
  std::unique_ptr<BlockDevice> device_;
};

TEST_F(BlockDeviceTest, DescribesItself) {
  EXPECT_EQ(device_->type(), DeviceType::kBlock);
  EXPECT_EQ(device_->features(), 0x8000);
  EXPECT_EQ(device_->num_pages(), 1);
  EXPECT_EQ(device_->name(), "block disk");
  EXPECT_EQ(device_->output_keys(), std::vector<DmaKey>{kKey});
  EXPECT_EQ(guest_.memory().Read<BlockPage>(kPage)->num_sectors, kSectors);
}

TEST_F(BlockDeviceTest, ReadsIntoTheReply) {
  EXPECT_EQ(Read(3, 1024, {{kBuffer, 1000}, {kBuffer + 2000, 24}}), 1);
  EXPECT_EQ(guest_.Get(kBuffer, 1000) + guest_.Get(kBuffer + 2000, 24),
            disk_.substr(size_t{3} * kSectorSize, 1024));
  EXPECT_EQ(ReplyUsed(), 1024u);
  EXPECT_EQ(guest_.host().interrupts(), std::vector<uint32_t>{kIrq});
}

TEST_F(BlockDeviceTest, WriteChangesOnlyItsSectors) {
  std::string expected = disk_;
  expected.replace(size_t{5} * kSectorSize, kSectorSize, std::string(kSectorSize, 'w'));
  guest_.Put(kBuffer, std::string(kSectorSize, 'w'));
  EXPECT_EQ(Write(5, kSectorSize, {{kBuffer, 500}, {kBuffer + 500, 12}}), 1);
  EXPECT_EQ(disk_, expected);
  EXPECT_EQ(ReplyUsed(), 0u);
  EXPECT_EQ(guest_.host().interrupts(), std::vector<uint32_t>{kIrq});
}

TEST_F(BlockDeviceTest, LastSectorCanBeReadAndWritten) {
  EXPECT_EQ(Read(kSectors - 1, 512, {{kBuffer, 512}}), 1);
  EXPECT_EQ(Write(kSectors - 1, 512, {{kBuffer, 512}}), 1);
}

TEST_F(BlockDeviceTest, OffsetsAre64Bits_B55) {
  Use(std::make_unique<HugeDisk>(uint64_t{5} << 30));
  EXPECT_EQ(Read((5u << 21) - 1, 512, {{kBuffer, 512}}), 1);
  EXPECT_EQ(HugeDisk::last_offset, (uint64_t{5} << 30) - 512);
  EXPECT_EQ(Read(5u << 21, 512, {{kBuffer, 512}}), 2);
}

TEST_F(BlockDeviceTest, FailedWriteChangesNothing_B56) {
  const std::string before = disk_;
  faults_.bad_byte = 0;
  EXPECT_EQ(Write(0, 512, {{kBuffer, 512}}), 2);
  EXPECT_EQ(disk_, before);
  EXPECT_EQ(disk_.size(), before.size());
}

TEST_F(BlockDeviceTest, WriteBeyondTheEndFails_B57) {
  const std::string before = disk_;
  EXPECT_EQ(Write(kSectors - 1, 1024, {{kBuffer, 1024}}), 2);
  EXPECT_EQ(Write(kSectors, 512, {{kBuffer, 512}}), 2);
  EXPECT_EQ(Write(0xffffffff, 512, {{kBuffer, 512}}), 2);
  EXPECT_EQ(disk_, before);
  EXPECT_EQ(faults_.transfers, 0);
  EXPECT_TRUE(log_lines_.empty());
}

TEST_F(BlockDeviceTest, ReadBeyondTheEndFails_B58) {
  EXPECT_EQ(Read(kSectors - 1, 1024, {{kBuffer, 1024}}), 2);
  EXPECT_EQ(Read(kSectors, 512, {{kBuffer, 512}}), 2);
  EXPECT_EQ(Read(0xffffffff, 0xffff, {{kBuffer, 0xffff}}), 2);
  EXPECT_EQ(guest_.Get(kBuffer, 1024), std::string(1024, '\0'));
  EXPECT_EQ(faults_.transfers, 0);
  EXPECT_EQ(ReplyUsed(), 0u);
}

TEST_F(BlockDeviceTest, LengthMismatchFails_B58) {
  const std::string before = disk_;
  for (const uint32_t bytes : {0u, 511u, 513u, 1024u, 0xffffffffu}) {
    EXPECT_EQ(Read(0, bytes, {{kBuffer, 512}}), 2) << bytes;
    EXPECT_EQ(Write(0, bytes, {{kBuffer, 512}}), 2) << bytes;
  }
  EXPECT_EQ(disk_, before);
  EXPECT_EQ(faults_.transfers, 0);
}

TEST_F(BlockDeviceTest, FailedReadReportsNoBytes_B59) {
  faults_.bad_byte = 700;
  EXPECT_EQ(Read(0, 1024, {{kBuffer, 1024}}), 2);
  EXPECT_EQ(ReplyUsed(), 0u);
  EXPECT_EQ(guest_.host().interrupts(), std::vector<uint32_t>{kIrq});
}

TEST_F(BlockDeviceTest, FailuresAreLoggedOnceAndNotFatal) {
  faults_.bad_byte = 0;
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Read(0, 512, {{kBuffer, 512}}), 2);
  faults_.bad_byte = BlockFaults::kNoFault;
  EXPECT_EQ(Read(0, 512, {{kBuffer, 512}}), 1);
  EXPECT_EQ(log_lines_,
            std::vector<std::string>{"block disk: Input/output error (logged only once)"});
}

TEST_F(BlockDeviceTest, RequestWithoutReplyBufferEndsTheGuest_B60) {
  const std::string before = disk_;
  Request(1, 0, 512);
  EXPECT_EQ(Send({{kBuffer, 512}}).message(),
            "block disk: a request without a buffer for the reply");
  EXPECT_EQ(disk_, before);
  EXPECT_EQ(faults_.transfers, 0);
}

TEST_F(BlockDeviceTest, BadTypeEndsTheGuest_B61) {
  const std::string before = disk_;
  for (const int32_t type : {2, 3, 256, 0x10000, -1, std::numeric_limits<int32_t>::min()}) {
    Request(type, 0, 512);
    guest_.BindDma(kKey, kReplyAt, {{kBuffer, 512}}, kIrq);
    const absl::Status status = Send({{kBuffer, 512}});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << type;
  }
  EXPECT_EQ(disk_, before);
  EXPECT_EQ(faults_.transfers, 0);
}

// The reply buffer covers the request page. The request was copied, so it does not change.
TEST_F(BlockDeviceTest, ReadOverTheRequestPageKeepsTheRequest_B61) {
  EXPECT_EQ(Read(0, 512, {{kPage.value(), 512}}), 1);
  EXPECT_EQ(guest_.Get(kPage.value() + 20, 400), disk_.substr(20, 400));
  EXPECT_EQ(Read(kSectors, 512, {{kBuffer, 512}}), 2);  // num_sectors of the page is not used
}

TEST_F(BlockDeviceTest, PartialLastSectorIsHidden_B64) {
  disk_ = Pattern(kSectorSize * 3 + 100);
  Use(std::make_unique<MemoryBlockBackend>(disk_));
  EXPECT_EQ(guest_.memory().Read<BlockPage>(kPage)->num_sectors, 3u);
  EXPECT_EQ(Read(2, 512, {{kBuffer, 512}}), 1);
  EXPECT_EQ(Read(3, 100, {{kBuffer, 100}}), 2);
  EXPECT_EQ(Write(3, 100, {{kBuffer, 100}}), 2);
  EXPECT_EQ(Write(2, 612, {{kBuffer, 612}}), 2);
}

TEST_F(BlockDeviceTest, SectorsBeyond32BitsAreHidden_B64) {
  Use(std::make_unique<HugeDisk>(uint64_t{5} << 40));
  EXPECT_EQ(guest_.memory().Read<BlockPage>(kPage)->num_sectors, 0xffffffffu);
  EXPECT_EQ(Read(0xfffffffe, 512, {{kBuffer, 512}}), 1);
  EXPECT_EQ(HugeDisk::last_offset, uint64_t{0xfffffffe} * 512);
  EXPECT_EQ(Read(0xfffffffe, 1024, {{kBuffer, 1024}}), 2);
  EXPECT_EQ(Read(0xffffffff, 512, {{kBuffer, 512}}), 2);
}

TEST_F(BlockDeviceTest, EmptyDiskHasNoSectors) {
  disk_.clear();
  Use(std::make_unique<MemoryBlockBackend>(disk_));
  EXPECT_EQ(Read(0, 1, {{kBuffer, 1}}), 2);
  EXPECT_EQ(Read(0, 0, {}), 1);
}

TEST(BlockDeviceSizeTest, HiddenBytesAreLogged_F19) {
  const auto logged = [](uint64_t size) {
    std::string line;
    const BlockDevice device("disk", std::make_unique<HugeDisk>(size),
                             [&](const std::string& text) { line = text; });
    return line;
  };
  EXPECT_EQ(logged(1024), "");
  EXPECT_EQ(logged(1000),
            "block disk: the guest cannot see the last 488 bytes: they are not a "
            "whole sector");
  EXPECT_EQ(logged(0x100000000 * 512),
            "block disk: the guest cannot see the last 512 bytes: a disk "
            "has at most 4294967295 sectors");
}

TEST_F(BlockDeviceTest, SyncsOnDestruction_B65) {
  device_.reset();
  EXPECT_EQ(faults_.syncs, 1);
  EXPECT_TRUE(log_lines_.empty());
}

TEST_F(BlockDeviceTest, FailedSyncIsLogged_B65) {
  faults_.sync = absl::DataLossError("Input/output error");
  device_.reset();
  EXPECT_EQ(log_lines_, std::vector<std::string>{"block disk: Input/output error"});
}

TEST_F(BlockDeviceTest, ReadOnlyDiskRefusesWrites) {
  const std::string before = disk_;
  Use(std::make_unique<ReadOnlyBlock>(std::make_unique<MemoryBlockBackend>(disk_)));
  EXPECT_EQ(Write(0, 512, {{kBuffer, 512}}), 2);
  EXPECT_EQ(disk_, before);
  EXPECT_EQ(Read(0, 512, {{kBuffer, 512}}), 1);
}

TEST_F(BlockDeviceTest, BadReplyBufferEndsTheGuest) {
  const std::string before = disk_;
  Request(1, 0, 512);
  guest_.BindDma(kKey, kReplyAt, {{FakeGuest::kSize, 1}}, kIrq);
  EXPECT_TRUE(absl::IsOutOfRange(Send({{kBuffer, 512}})));
  EXPECT_EQ(disk_, before);
  EXPECT_EQ(faults_.transfers, 0);
}

TEST_F(BlockDeviceTest, ResultIsWrittenBeforeTheInterrupt) {
  class DeliveryRecorder final : public DmaPort {
   public:
    explicit DeliveryRecorder(FakeGuest& guest) : guest_(guest) {}
    absl::StatusOr<std::optional<Buffer>> NextBuffer(DmaKey key) override {
      return guest_.port().NextBuffer(key);
    }
    absl::Status Deliver(const Buffer& buffer, uint32_t used) override {
      result_at_delivery = guest_.memory().Read<BlockPage>(kPage)->result;
      return guest_.port().Deliver(buffer, used);
    }
    absl::Status Release(const Buffer& buffer) override { return guest_.port().Release(buffer); }
    absl::Status RaiseInterrupt(uint32_t irq) override { return guest_.port().RaiseInterrupt(irq); }
    int32_t result_at_delivery = 0;

   private:
    FakeGuest& guest_;
  } recorder(guest_);
  Request(0, 0, 512);
  guest_.BindDma(kKey, kReplyAt, {{kBuffer, 512}}, kIrq);
  ASSERT_TRUE(device_->Send(kKey, guest_.Chain(kSentAt, {}), recorder).ok());
  EXPECT_EQ(recorder.result_at_delivery, 1);
}

// Every combination of boundary values: only a request for existing sectors transfers data.
TEST_F(BlockDeviceTest, AdversarialRequestsStayInsideTheDisk) {
  const uint32_t sectors[] = {0,          1,          kSectors - 1, kSectors,   kSectors + 1,
                              0x7fffff,   0x800000,   0x7fffffff,   0x80000000, 0xfffffffe,
                              0xffffffff, 0x00800001, 0x00ffffff};
  const uint32_t lengths[] = {0,       1,          511,        512,        513,
                              1024,    32767,      32768,      32769,      0xffff,
                              0x10000, 0x7fffffff, 0x80000000, 0xfffffe00, 0xffffffff};
  const uint16_t buffer_sizes[] = {0, 1, 512, 1024, 32768, 0xffff};
  for (const uint32_t sector : sectors) {
    for (const uint32_t bytes : lengths) {
      for (const uint16_t buffer_size : buffer_sizes) {
        const bool valid = uint64_t{sector} * 512 + bytes <= disk_.size() && bytes == buffer_size;
        const std::string before = disk_;
        ASSERT_EQ(Write(sector, bytes, {{kBuffer, buffer_size}}), valid ? 1 : 2)
            << sector << "+" << bytes;
        ASSERT_TRUE(valid || disk_ == before);
        ASSERT_EQ(Read(sector, bytes, {{kBuffer, buffer_size}}), valid ? 1 : 2)
            << sector << "+" << bytes;
      }
    }
  }
}

TEST_F(BlockDeviceTest, FailedReadMayHaveWrittenToGuestMemory) {
  faults_.bad_byte = 700;
  const DmaChain sent = guest_.Chain(kSentAt, {});
  guest_.BindDma(kKey, kReplyAt, {{kBuffer, 1024}}, kIrq);
  Request(static_cast<int32_t>(BlockRequest::kRead), 0, 1024);
  WriteRecorder recorder(guest_.memory());
  ASSERT_TRUE(device_->Send(kKey, sent, guest_.port()).ok());
  EXPECT_THAT(recorder.writes, testing::Contains(std::pair(kBuffer, 1024u)));
}

// The instructions that read the request's page once.
int AccessesOfOneRead(GuestMemory& memory) {
  const RewrittenPage counted(memory.base() + kPage.value(), [](uint32_t /*offset*/) {});
  static_cast<void>(memory.Read<BlockPage>(kPage).value());
  return counted.accesses();
}

// The worst guest: its request becomes hostile as soon as it has been read once.
absl::Status SendToBeRewritten(BlockDevice& device, FakeGuest& guest, const DmaChain& sent) {
  const int read_once = AccessesOfOneRead(guest.memory());
  std::byte* const page = guest.memory().base() + kPage.value();
  int accesses = 0;
  const RewrittenPage worst(page, [&](uint32_t /*offset*/) {
    if (++accesses != read_once) return;
    const BlockPage hostile = {
        .type = 7, .sector = 0xfffffff0, .bytes = 0x7fffffff, .result = 0, .num_sectors = 0};
    std::memcpy(page, &hostile, sizeof(hostile));
  });
  return device.Send(kKey, sent, guest.port()).status();
}

TEST_F(BlockDeviceTest, WriteThatChangesAfterItIsReadIsNotReadAgain_B04) {
  guest_.Put(kBuffer, std::string(kSectorSize, 'w'));
  const DmaChain sent = guest_.Chain(kSentAt, {{kBuffer, kSectorSize}});
  guest_.BindDma(kKey, kReplyAt, {}, kIrq);
  Request(static_cast<int32_t>(BlockRequest::kWrite), 3, kSectorSize);
  std::string expected = disk_;
  expected.replace(3 * kSectorSize, kSectorSize, std::string(kSectorSize, 'w'));
  EXPECT_TRUE(SendToBeRewritten(*device_, guest_, sent).ok());
  EXPECT_EQ(Result(), static_cast<int32_t>(BlockResult::kOk));
  EXPECT_EQ(disk_, expected);
  EXPECT_EQ(faults_.transfers, 1);
}

TEST_F(BlockDeviceTest, ReadThatChangesAfterItIsReadIsNotReadAgain_B04) {
  const DmaChain sent = guest_.Chain(kSentAt, {});
  guest_.BindDma(kKey, kReplyAt, {{kBuffer, kSectorSize}}, kIrq);
  Request(static_cast<int32_t>(BlockRequest::kRead), 3, kSectorSize);
  EXPECT_TRUE(SendToBeRewritten(*device_, guest_, sent).ok());
  EXPECT_EQ(Result(), static_cast<int32_t>(BlockResult::kOk));
  EXPECT_EQ(guest_.Get(kBuffer, kSectorSize), disk_.substr(3 * kSectorSize, kSectorSize));
  EXPECT_EQ(faults_.transfers, 1);
}

}  // namespace
}  // namespace lguest
