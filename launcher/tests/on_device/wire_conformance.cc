// Behavior of /dev/lguest that is visible only in read() and write(), not through Host: ABI.md §2.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <future>
#include <memory>
#include <string_view>
#include <vector>

#include "hostsim/testing/script.h"
#include "hostsim/testing/script_code.h"
#include "launcher/base/unique_fd.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kInitialize = 0;
constexpr uint32_t kGetDma = 1;
constexpr uint32_t kIrq = 2;
constexpr uint32_t kBreak = 3;

// Returns the result of a call, or its errno as a negative number.
int64_t ResultOf(ssize_t returned) { return returned == -1 ? -errno : returned; }

class Wire : public ::testing::Test {
 protected:
  using Words = std::vector<uint32_t>;

  // Opens the device and loads a guest that plays `script` into memory.
  void Load(const Script& script) {
    device_ = Open();
    ASSERT_TRUE(device_.valid()) << "errno " << errno;
    absl::StatusOr<std::unique_ptr<GuestMemory>> memory =
        GuestMemory::Create(kScriptMemorySize, GuestMemory::Placement::kIdentity);
    ASSERT_TRUE(memory.ok()) << memory.status();
    memory_ = *std::move(memory);
    const absl::StatusOr<BootState> boot = LoadScriptCode(script, *memory_);
    ASSERT_TRUE(boot.ok()) << boot.status();
    boot_ = *boot;
  }

  void Start(const Script& script) {
    Load(script);
    ASSERT_EQ(Write(Initialize()), 16);
  }

  static UniqueFd Open() { return UniqueFd(open("/dev/lguest", O_RDWR | O_CLOEXEC)); }

  Words Initialize() const {
    return {kInitialize, boot_.pfn_limit, boot_.page_directory.value(), boot_.entry.value(),
            boot_.page_offset};
  }

  static int64_t Write(const UniqueFd& fd, const Words& words) {
    return ResultOf(write(fd.get(), words.data(), words.size() * sizeof(uint32_t)));
  }
  int64_t Write(const Words& words) const { return Write(device_, words); }

  // Reads into a buffer of 128 bytes, with `count` as the size argument.
  int64_t Read(size_t count) {
    while (true) {
      const int64_t result = ResultOf(read(device_.get(), read_.data(), count));
      if (result != -EINTR) return result;
    }
  }
  uint32_t ReadWord(size_t index) const {
    uint32_t word = 0;
    std::memcpy(&word, read_.data() + index * sizeof(word), sizeof(word));
    return word;
  }
  std::string_view ReadText(size_t len) const { return {read_.data(), len}; }

  UniqueFd device_;
  std::unique_ptr<GuestMemory> memory_;
  BootState boot_;
  std::array<char, 128> read_ = {};
};

TEST_F(Wire, InitializeReturnsArgumentSize) {
  Load(Script().Init());
  EXPECT_EQ(Write(Initialize()), 16);
}

TEST_F(Wire, IrqAndBreakReturnZero) {
  Start(Script().Init());
  EXPECT_EQ(Write({kIrq, 1}), 0);
  EXPECT_EQ(Write({kBreak, 0}), 0);
}

TEST_F(Wire, UnknownRequest_EINVAL) {
  Start(Script().Init());
  EXPECT_EQ(Write({4, 0}), -EINVAL);
  EXPECT_EQ(Write({0xffffffff, 0}), -EINVAL);
}

TEST_F(Wire, BadPointer_EFAULT) {
  Start(Script().Init().Send(DmaKey(0), GuestPhys(0)));
  const auto* const kernel = reinterpret_cast<const char*>(0xfffff000);
  EXPECT_EQ(ResultOf(write(device_.get(), kernel, 8)), -EFAULT);
  EXPECT_EQ(ResultOf(read(device_.get(), const_cast<char*>(kernel), 8)), -EFAULT);
}

TEST_F(Wire, BadPointerBeforeInitialize_EFAULT) {
  Load(Script().Init());
  EXPECT_EQ(ResultOf(write(device_.get(), reinterpret_cast<const char*>(0xfffff000), 8)), -EFAULT);
}

TEST_F(Wire, WriteIgnoresItsCount) {
  Start(Script().Init());
  const Words irq = {kIrq, 32};
  EXPECT_EQ(ResultOf(write(device_.get(), irq.data(), 1)), -EINVAL) << "reads the whole request";
  const Words good = {kIrq, 31};
  EXPECT_EQ(ResultOf(write(device_.get(), good.data(), 1)), 0);
}

TEST_F(Wire, ReadIgnoresItsCount) {
  Start(Script().Init().Send(DmaKey(0x5000), GuestPhys(0x7654)));
  EXPECT_EQ(Read(4), 8);
  EXPECT_EQ(ReadWord(0), 0x7654u);
  EXPECT_EQ(ReadWord(1), 0x5000u);
}

TEST_F(Wire, Death_ENOENT_ThenReasonWithNul) {
  Start(Script().Init().Crash("the reason"));
  constexpr std::string_view kReason("CRASH: the reason\0", 18);
  EXPECT_EQ(Read(read_.size()), -ENOENT);
  EXPECT_EQ(Read(read_.size()), static_cast<int64_t>(kReason.size()));
  EXPECT_EQ(ReadText(kReason.size()), kReason);
}

TEST_F(Wire, EveryRequestAfterDeath_ENOENT) {
  Start(Script().Init().Crash("x"));
  EXPECT_EQ(Read(read_.size()), -ENOENT);
  EXPECT_EQ(Write(Initialize()), -ENOENT);
  EXPECT_EQ(Write({kGetDma, 0}), -ENOENT);
  EXPECT_EQ(Write({kIrq, 1}), -ENOENT);
  EXPECT_EQ(Write({kBreak, 0}), -ENOENT);
}

TEST_F(Wire, DeathOutsideReadLooksLikeADma) {
  Start(Script().Init().Send(DmaKey(0), GuestPhys(0)));
  EXPECT_EQ(Read(8), 8);
  EXPECT_EQ(Write({kGetDma, 2}), -ENOENT) << "an unaligned key kills the guest";
  EXPECT_EQ(Read(8), 8);
  EXPECT_EQ(ReadText(8), "bad regi");
}

TEST_F(Wire, BadRequestOfAnotherThread_EPERM) {
  Start(Script().Init());
  EXPECT_EQ(std::async(std::launch::async, [&] { return Write({4, 0}); }).get(), -EPERM);
}

TEST_F(Wire, SeventeenthGuest_ENOSPC) {
  Load(Script().Init());
  std::vector<UniqueFd> guests;
  for (int i = 0; i < 16; ++i) {
    guests.push_back(Open());
    ASSERT_EQ(Write(guests.back(), Initialize()), 16) << i;
  }
  EXPECT_EQ(Write(Initialize()), -ENOSPC);
  guests.pop_back();
  EXPECT_EQ(Write(Initialize()), 16) << "closing a file frees its guest";
}

}  // namespace
}  // namespace lguest::hostsim
