#include "launcher/host/dev_lguest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint32_t kSize = 16 * kPageSize;
constexpr GuestPhys kBuffer(0x3000);
constexpr DmaKey kKey(0x5000);

// A fake of the kernel's side of /dev/lguest, including its corner cases (ABI.md §2.3, §2.6,
// §2.7, §2.9). The test queues the results of reads.
class FakeKernel final : public LguestFile {
 public:
  explicit FakeKernel(GuestMemory& memory) : memory_(memory) {}

  // Queues the result of one read while the guest is alive.
  void OnRead(std::function<Result(std::span<std::byte>)> read) {
    reads_.push_back(std::move(read));
  }
  void QueueDma(GuestPhys dma, DmaKey key) {
    OnRead([dma, key](std::span<std::byte> to) {
      const uint32_t pair[] = {dma.value(), key.value()};
      std::memcpy(to.data(), pair, sizeof(pair));
      return Result{.value = sizeof(pair)};
    });
  }
  void QueueError(int error) {
    OnRead([error](std::span<std::byte>) { return Result{.error = error}; });
  }

  void Die(std::string reason) {
    reason_ = std::move(reason);
    dead_ = true;
  }
  void QueueDeath(const std::string& reason) {
    OnRead([this, reason](std::span<std::byte>) {
      Die(reason);
      return Result{.error = ENOENT};
    });
  }

  void set_initialize_error(int error) { initialize_error_ = error; }
  void set_irq(uint32_t irq) { irq_ = irq; }
  void Bind(std::vector<GuestPhys> buffers) { buffers_ = std::move(buffers); }
  void OnGetDma(std::function<Result()> answer) { get_dma_ = std::move(answer); }

  const std::vector<uint32_t>& initialized() const { return initialized_; }
  const std::vector<uint32_t>& interrupts() const { return interrupts_; }
  int probes() const { return probes_; }
  bool broken_out() const { return broken_out_; }

  Result Write(std::span<const uint32_t> words) override {
    if (words[0] != 0 && initialized_.empty()) return {.error = EINVAL};
    if (dead_) return {.error = ENOENT};
    switch (words[0]) {
      case 0:
        if (initialize_error_ != 0) return {.error = initialize_error_};
        if (!initialized_.empty()) return {.error = EBUSY};
        initialized_.assign(words.begin(), words.end());
        return {.value = 16};
      case 1:
        return get_dma_ ? get_dma_() : GetDma();
      case 2:
        if (words[1] >= kInterrupts) {
          ++probes_;
          return {.error = EINVAL};
        }
        interrupts_.push_back(words[1]);
        return {};
      default:
        return words[1] == 0 ? Release() : Break();
    }
  }

  Result Read(std::span<std::byte> bytes) override {
    if (dead_) {
      const size_t len = std::min(bytes.size(), reason_.size() + 1);
      std::memcpy(bytes.data(), reason_.c_str(), len);
      return {.value = static_cast<uint32_t>(len)};
    }
    if (broken_out_) return {.error = EAGAIN};
    if (reads_.empty()) return {.error = EINVAL};
    const auto read = reads_.front();
    reads_.pop_front();
    return read(bytes);
  }

 private:
  Result GetDma() {
    if (buffers_.empty()) return {.error = ENOENT};
    const auto free = std::find_if(buffers_.begin(), buffers_.end(), [this](GuestPhys buffer) {
      return memory_.Read<uint32_t>(buffer).value() == 0;
    });
    const GuestPhys buffer = free == buffers_.end() ? buffers_.back() : *free;
    EXPECT_TRUE(memory_.Write(buffer, irq_).ok());
    return {.value = buffer.value()};
  }

  // Like the kernel, does not check whether the guest dies during the break-out.
  Result Break() {
    broken_out_ = true;
    while (broken_out_) {
      if (poll(nullptr, 0, 1) < 0) return {.error = errno};
    }
    return {};
  }
  Result Release() {
    broken_out_ = false;
    return {};
  }

  GuestMemory& memory_;
  std::deque<std::function<Result(std::span<std::byte>)>> reads_;
  std::function<Result()> get_dma_;
  std::vector<GuestPhys> buffers_;
  uint32_t irq_ = 3;
  std::vector<uint32_t> initialized_;
  std::vector<uint32_t> interrupts_;
  int initialize_error_ = 0;
  int probes_ = 0;
  std::string reason_;
  std::atomic<bool> dead_ = false;
  std::atomic<bool> broken_out_ = false;
};

class DevLguestTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(host_.Initialize(boot_).ok()); }

  std::string Death() {
    const Exit exit = host_.Run().value();
    const Died* died = std::get_if<Died>(&exit);
    return died == nullptr ? "not dead" : died->reason;
  }
  uint32_t UsedLen(GuestPhys dma) const { return memory_->Read<uint32_t>(dma).value(); }

  const std::unique_ptr<GuestMemory> memory_ = GuestMemory::Create(kSize).value();
  FakeKernel* const kernel_ = new FakeKernel(*memory_);  // owned by host_
  DevLguest host_{std::unique_ptr<LguestFile>(kernel_), *memory_};
  const BootState boot_ = {.pfn_limit = kSize / kPageSize,
                           .page_directory = GuestPhys(0x1000),
                           .entry = GuestVirt(0xc0100000),
                           .page_offset = 0xc0000000};
};

TEST_F(DevLguestTest, InitializeWritesTheBootState) {
  EXPECT_THAT(kernel_->initialized(), ElementsAre(0, 16, 0x1000, 0xc0100000, 0xc0000000));
}

TEST_F(DevLguestTest, SecondInitializeIsRefused) {
  EXPECT_EQ(host_.Initialize(boot_).code(), absl::ErrnoToStatusCode(EBUSY));
}

class UninitializedTest : public DevLguestTest {
 protected:
  void SetUp() override {}
};

TEST_F(UninitializedTest, OtherRequestsAreRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(host_.Run().status()));
  EXPECT_TRUE(absl::IsInvalidArgument(host_.GetDma(kKey).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(host_.RaiseInterrupt(1)));
  EXPECT_TRUE(absl::IsInvalidArgument(host_.BreakOut()));
  EXPECT_TRUE(absl::IsInvalidArgument(host_.Resume()));
}

TEST_F(UninitializedTest, GuestLimitOfTheHostIsReported_B90) {
  kernel_->set_initialize_error(ENOSPC);
  const absl::Status full = host_.Initialize(boot_);
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  EXPECT_THAT(full.message(), HasSubstr("16 guests run already"));
}

TEST_F(UninitializedTest, InvalidBootStateIsRejectedBeforeTheRequest) {
  BootState boot = boot_;
  boot.pfn_limit += 1;
  EXPECT_TRUE(absl::IsInvalidArgument(host_.Initialize(boot)));
  boot = boot_;
  boot.page_directory = GuestPhys(kSize);
  EXPECT_TRUE(absl::IsInvalidArgument(host_.Initialize(boot)));
  EXPECT_THAT(kernel_->initialized(), IsEmpty());
}

TEST_F(DevLguestTest, RunReturnsTheSentDma) {
  kernel_->QueueDma(kBuffer, kKey);
  const Exit exit = host_.Run().value();
  EXPECT_EQ(std::get<DmaSent>(exit).dma, kBuffer);
  EXPECT_EQ(std::get<DmaSent>(exit).key, kKey);
}

TEST_F(DevLguestTest, SentAddressOutsideMemoryIsReturnedUnchecked) {
  kernel_->QueueDma(GuestPhys(0xfffffff0), kKey);
  EXPECT_EQ(std::get<DmaSent>(host_.Run().value()).dma, GuestPhys(0xfffffff0));
}

TEST_F(DevLguestTest, SignalIsNotAnError_B84) {
  kernel_->QueueError(EINTR);
  EXPECT_TRUE(std::holds_alternative<SignalReceived>(host_.Run().value()));
}

TEST_F(DevLguestTest, OtherErrorsOfRunAreReturned) {
  kernel_->QueueError(EPERM);
  EXPECT_TRUE(absl::IsPermissionDenied(host_.Run().status()));
}

TEST_F(DevLguestTest, DeathReasonIsReturnedRepeatedly) {
  kernel_->QueueDeath("CRASH: Power down");
  EXPECT_EQ(Death(), "CRASH: Power down");
  EXPECT_EQ(Death(), "CRASH: Power down");
  EXPECT_TRUE(absl::IsNotFound(host_.GetDma(kKey).status()));
  EXPECT_TRUE(absl::IsNotFound(host_.RaiseInterrupt(1)));
  EXPECT_TRUE(absl::IsNotFound(host_.BreakOut()));
  EXPECT_TRUE(absl::IsNotFound(host_.Resume()));
}

TEST_F(DevLguestTest, DeathFoundByInterruptIsReported_B07) {
  kernel_->Die("bad registered DMA buffer");
  EXPECT_TRUE(absl::IsNotFound(host_.RaiseInterrupt(1)));
  EXPECT_EQ(Death(), "bad registered DMA buffer");
}

TEST_F(DevLguestTest, DeathFoundByGetDmaIsReported_B05) {
  kernel_->OnGetDma([this] {
    kernel_->Die("bad registered DMA buffer");
    return LguestFile::Result{.error = ENOENT};
  });
  EXPECT_TRUE(absl::IsNotFound(host_.GetDma(kKey).status()));
  EXPECT_EQ(Death(), "bad registered DMA buffer");
}

TEST_F(DevLguestTest, DeathDuringSuccessfulGetDmaIsReported) {
  kernel_->OnGetDma([this] {
    kernel_->Die("bad write address 0x3000 len 4");
    return LguestFile::Result{.value = kBuffer.value()};
  });
  EXPECT_TRUE(host_.GetDma(kKey).ok());
  EXPECT_EQ(Death(), "bad write address 0x3000 len 4");
}

TEST_F(DevLguestTest, ReasonTextIsNotTakenAsDma) {
  kernel_->Die("bad read address 0xfff00000 len 100");
  EXPECT_EQ(Death(), "bad read address 0xfff00000 len 100");
}

TEST_F(DevLguestTest, GetDmaReadsIrqAndClearsUsedLen_B06) {
  kernel_->Bind({kBuffer});
  kernel_->set_irq(7);
  const BoundDma bound = host_.GetDma(kKey).value();
  EXPECT_EQ(bound.dma, kBuffer);
  EXPECT_EQ(bound.irq, 7u);
  EXPECT_EQ(UsedLen(kBuffer), 0u);
  EXPECT_EQ(host_.GetDma(kKey)->dma, kBuffer) << "GetDma() may return a free buffer twice";
}

TEST_F(DevLguestTest, BufferOutsideMemoryIsAnError) {
  kernel_->OnGetDma([] { return LguestFile::Result{.value = 0xb7fffff0}; });
  EXPECT_TRUE(absl::IsOutOfRange(host_.GetDma(kKey).status()))
      << "an address above 2 GB is not an errno";
}

TEST_F(DevLguestTest, MissingBufferIsNotADeath) {
  EXPECT_TRUE(absl::IsNotFound(host_.GetDma(kKey).status()));
  EXPECT_EQ(kernel_->probes(), 1);
  kernel_->QueueDma(kBuffer, kKey);
  EXPECT_TRUE(std::holds_alternative<DmaSent>(host_.Run().value()));
}

TEST_F(DevLguestTest, BufferInUseIsNotReturnedAgain) {
  const GuestPhys second(kBuffer.value() + sizeof(Dma));
  kernel_->Bind({kBuffer, second});
  for (const GuestPhys buffer : {kBuffer, second}) {
    EXPECT_EQ(host_.GetDma(kKey)->dma, buffer);
    ASSERT_TRUE(memory_->Write(buffer, uint32_t{1500}).ok());
    ASSERT_TRUE(host_.RaiseInterrupt(3).ok());
  }
  EXPECT_TRUE(absl::IsNotFound(host_.GetDma(kKey).status()));
  EXPECT_EQ(UsedLen(second), 1500u);
  ASSERT_TRUE(memory_->Write(kBuffer, uint32_t{0}).ok());
  EXPECT_EQ(host_.GetDma(kKey)->dma, kBuffer) << "the guest has freed it";
}

TEST_F(DevLguestTest, FreedBufferIsFreeForAnotherKey) {
  kernel_->Bind({kBuffer});
  EXPECT_TRUE(host_.GetDma(kKey).ok());
  ASSERT_TRUE(memory_->Write(kBuffer, uint32_t{1}).ok());
  EXPECT_TRUE(absl::IsNotFound(host_.GetDma(kKey).status()));
  ASSERT_TRUE(memory_->Write(kBuffer, uint32_t{0}).ok());
  EXPECT_TRUE(host_.GetDma(DmaKey(0)).ok());
}

TEST_F(DevLguestTest, DeliveryNeedsNoExtraRequest) {
  kernel_->Bind({kBuffer});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(host_.GetDma(kKey).ok());
    EXPECT_TRUE(host_.RaiseInterrupt(3).ok());
    kernel_->QueueDma(kBuffer, kKey);
    EXPECT_TRUE(host_.Run().ok());
  }
  EXPECT_EQ(kernel_->probes(), 0);
}

TEST_F(DevLguestTest, ResumeDetectsDeath) {
  kernel_->Bind({kBuffer});
  EXPECT_TRUE(host_.GetDma(kKey).ok());
  EXPECT_TRUE(host_.Resume().ok());
  kernel_->QueueDma(kBuffer, kKey);
  EXPECT_TRUE(std::holds_alternative<DmaSent>(host_.Run().value()));
  EXPECT_EQ(kernel_->probes(), 0);

  EXPECT_TRUE(host_.GetDma(kKey).ok());
  kernel_->Die("died while broken out");
  EXPECT_TRUE(absl::IsNotFound(host_.Resume()));
  EXPECT_EQ(std::get<Died>(host_.Run().value()).reason, "died while broken out");
  EXPECT_EQ(kernel_->probes(), 0);
}

TEST_F(DevLguestTest, InterruptsReachTheKernel) {
  EXPECT_TRUE(host_.RaiseInterrupt(0).ok());
  EXPECT_TRUE(host_.RaiseInterrupt(31).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(host_.RaiseInterrupt(32)));
  EXPECT_THAT(kernel_->interrupts(), ElementsAre(0, 31));
}

// Calls BreakOut() on a new thread. Returns when the kernel has broken the guest out.
std::future<absl::Status> BreakOut(Host& host, const FakeKernel& kernel) {
  auto result = std::async(std::launch::async, [&host] { return host.BreakOut(); });
  while (!kernel.broken_out()) std::this_thread::yield();
  return result;
}

TEST_F(DevLguestTest, BreakOutLastsUntilResume) {
  std::future<absl::Status> break_out = BreakOut(host_, *kernel_);
  EXPECT_TRUE(std::holds_alternative<BrokenOut>(host_.Run().value()));
  EXPECT_TRUE(host_.Resume().ok());
  EXPECT_TRUE(break_out.get().ok());
}

TEST_F(DevLguestTest, RequestedBreakOutDoesNotEnterTheGuest) {
  kernel_->QueueDma(kBuffer, kKey);
  host_.RequestBreakOut();
  EXPECT_TRUE(std::holds_alternative<BrokenOut>(host_.Run().value()));
  EXPECT_EQ(std::get<DmaSent>(host_.Run().value()).dma, kBuffer);
}

TEST_F(DevLguestTest, DeathDuringBreakOutReleasesTheThread_B36) {
  std::future<absl::Status> break_out = BreakOut(host_, *kernel_);
  kernel_->Die("bad registered DMA buffer");
  EXPECT_TRUE(absl::IsNotFound(host_.RaiseInterrupt(1)));
  EXPECT_TRUE(absl::IsNotFound(break_out.get()));
  EXPECT_EQ(Death(), "bad registered DMA buffer");
}

TEST_F(DevLguestTest, DeathAtBreakOutReleasesTheThread) {
  std::future<absl::Status> break_out;
  kernel_->OnRead([&](std::span<std::byte>) {
    break_out = BreakOut(host_, *kernel_);
    kernel_->Die("CRASH: Power down");
    return LguestFile::Result{.error = ENOENT};
  });
  EXPECT_EQ(Death(), "CRASH: Power down");
  EXPECT_TRUE(absl::IsNotFound(break_out.get()));
}

TEST(OpenLguestFileTest, MissingDeviceGivesAdvice) {
  const absl::Status missing = OpenLguestFile("/nonexistent/lguest").status();
  EXPECT_TRUE(absl::IsUnavailable(missing));
  EXPECT_THAT(missing.message(), HasSubstr("/nonexistent/lguest"));
  EXPECT_THAT(missing.message(), HasSubstr("2.6.23"));
  EXPECT_THAT(missing.message(), HasSubstr("modprobe lg"));
}

}  // namespace
}  // namespace lguest
