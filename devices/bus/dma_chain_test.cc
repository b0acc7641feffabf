#include "devices/bus/dma_chain.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "devices/testing/fake_guest.h"
#include "devices/testing/rewritten_page.h"
#include "devices/testing/write_recorder.h"
#include "gtest/gtest.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

constexpr uint32_t kTop = FakeGuest::kSize;

absl::Status LoadOne(uint32_t addr, uint16_t len) {
  FakeGuest guest;
  return DmaChain::Load(guest.memory(), guest.PutDma(0x100, {{addr, len}})).status();
}

TEST(DmaChain, HoldsSectionsInOrder) {
  FakeGuest guest;
  const DmaChain chain = guest.Chain(0x100, {{0x2000, 5}, {0x1000, 7}});
  EXPECT_EQ(chain.address(), GuestPhys(0x100));
  ASSERT_EQ(chain.sections().size(), 2u);
  EXPECT_EQ(chain.sections()[0].iov_base, guest.memory().base() + 0x2000);
  EXPECT_EQ(chain.sections()[0].iov_len, 5u);
  EXPECT_EQ(chain.section_address(1), GuestPhys(0x1000));
  EXPECT_EQ(chain.size(), 12u);
}

TEST(DmaChain, EmptyListHasNoSections) {
  FakeGuest guest;
  const DmaChain chain = guest.Chain(0x100, {});
  EXPECT_TRUE(chain.sections().empty());
  EXPECT_EQ(chain.size(), 0u);
}

TEST(DmaChain, LengthZeroEndsTheList) {
  FakeGuest guest;
  EXPECT_EQ(guest.Chain(0x100, {{0x1000, 4}, {0x1000, 0}, {kTop, 9}}).sections().size(), 1u);
}

TEST(DmaChain, AddressOfLengthZeroIsIgnored) {
  FakeGuest guest;
  EXPECT_EQ(guest.Chain(0x100, {{0xffffffff, 0}}).size(), 0u);
}

TEST(DmaChain, SixteenSectionsNeedNoTerminator) {
  FakeGuest guest;
  const DmaChain chain =
      guest.Chain(0x100, std::vector<FakeGuest::Section>(kMaxDmaSections, {0x1000, 0xffff}));
  EXPECT_EQ(chain.sections().size(), kMaxDmaSections);
  EXPECT_EQ(chain.size(), kMaxDmaSections * 0xffffu);
}

TEST(DmaChain, LengthThatWrapsIsOutOfRange_B01) {
  EXPECT_TRUE(absl::IsOutOfRange(LoadOne(0xffffffff, 1)));
  EXPECT_TRUE(absl::IsOutOfRange(LoadOne(0xffffffff, 0xffff)));
  EXPECT_TRUE(absl::IsOutOfRange(LoadOne(0xffff0001, 0xffff)));
}

TEST(DmaChain, BufferThatEndsAtTheTopIsInRange_B02) {
  EXPECT_TRUE(LoadOne(kTop - 1, 1).ok());
  EXPECT_TRUE(LoadOne(kTop - 0xffff, 0xffff).ok());
  FakeGuest guest;
  EXPECT_TRUE(DmaChain::Load(guest.memory(), guest.PutDma(kTop - sizeof(Dma), {{0x1000, 1}})).ok());
}

TEST(DmaChain, OneBytePastTheTopIsOutOfRange_B02) {
  EXPECT_TRUE(absl::IsOutOfRange(LoadOne(kTop, 1)));
  EXPECT_TRUE(absl::IsOutOfRange(LoadOne(kTop - 1, 2)));
  EXPECT_TRUE(absl::IsOutOfRange(LoadOne(kTop - 0xffff + 1, 0xffff)));
}

TEST(DmaChain, MessageHasUnsignedAddressAndLength_B03) {
  EXPECT_EQ(LoadOne(0xfffffff0, 300).message(), "bad dma section 0: address 0xfffffff0 len 300");
}

TEST(DmaChain, ChangesAfterLoadAreNotSeen_B04) {
  FakeGuest guest;
  const DmaChain chain = guest.Chain(0x100, {{0x1000, 16}});
  guest.PutDma(0x100, {{0xfffff000, 0xffff}, {0xfffff000, 0xffff}});
  ASSERT_EQ(chain.sections().size(), 1u);
  EXPECT_EQ(chain.sections()[0].iov_base, guest.memory().base() + 0x1000);
  EXPECT_EQ(chain.sections()[0].iov_len, 16u);
}

TEST(DmaChain, StructureOutsideMemoryIsOutOfRange) {
  FakeGuest guest;
  for (const uint32_t addr : {kTop, kTop - 1, kTop - uint32_t{sizeof(Dma)} + 1, kTop + kPageSize,
                              0x7fffffffu, 0x80000000u, 0xffffff9cu, 0xffffffffu}) {
    const absl::Status status = DmaChain::Load(guest.memory(), GuestPhys(addr)).status();
    EXPECT_TRUE(absl::IsOutOfRange(status)) << addr;
  }
}

// Every combination of an address and a length, valid or not, at every index of the list. Load()
// fails exactly when a section before the end of the list is outside guest memory.
TEST(DmaChain, AdversarialListsAreChecked) {
  const uint32_t addresses[] = {0,        1,          0xfff,      0x1000,     kTop - 0x10000,
                                kTop - 2, kTop - 1,   kTop,       kTop + 1,   0x7fffffff,
                                1u << 31, 0xffff0000, 0xfffff000, 0xfffffffe, 0xffffffff};
  const uint16_t lengths[] = {0, 1, 2, 3, 99, 100, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0xffff};
  FakeGuest guest;
  for (uint32_t position = 0; position < kMaxDmaSections; ++position) {
    for (const uint32_t addr : addresses) {
      for (const uint16_t len : lengths) {
        std::vector<FakeGuest::Section> sections(kMaxDmaSections, {0x3000, 1});
        sections[position] = {addr, len};
        const auto chain = DmaChain::Load(guest.memory(), guest.PutDma(0x100, sections));
        const bool fits = len == 0 || uint64_t{addr} + len <= kTop;
        ASSERT_EQ(chain.ok(), fits) << position << " " << addr << " " << len;
        if (!fits) continue;
        ASSERT_EQ(chain->sections().size(), len == 0 ? position : kMaxDmaSections);
        for (const iovec& section : chain->sections()) {
          const auto start = static_cast<std::byte*>(section.iov_base) - guest.memory().base();
          ASSERT_GE(start, 0);
          ASSERT_LE(start + section.iov_len, kTop);
        }
      }
    }
  }
}

TEST(DmaChain, NotifyWrittenReportsOnlyFilledBytes) {
  FakeGuest guest;
  const DmaChain chain = guest.Chain(0x100, {{0x1000, 10}, {0x3000, 10}, {0x2000, 10}});
  WriteRecorder recorder(guest.memory());
  chain.NotifyWritten(guest.memory(), 0);
  EXPECT_TRUE(recorder.writes.empty());
  chain.NotifyWritten(guest.memory(), 14);
  EXPECT_EQ(recorder.writes,
            (std::vector<std::pair<uint32_t, uint32_t>>{{0x1000, 10}, {0x3000, 4}}));
  recorder.writes.clear();
  chain.NotifyWritten(guest.memory(), std::numeric_limits<uint32_t>::max());
  EXPECT_EQ(recorder.writes.size(), 3u);
}

// The worst guest: each field becomes hostile as soon as it has been read once.
TEST(DmaChain, FieldsThatChangeAfterTheyAreReadAreNotReadAgain_B04) {
  FakeGuest guest;
  constexpr uint32_t kList = 2 * kPageSize;
  const GuestPhys dma = guest.PutDma(kList, {{0x4000, 0x100}, {kTop - 0x200, 0x200}, {0x5000, 1}});
  DmaChain chain;
  absl::Status filled;
  {
    std::byte* const page = guest.memory().base() + kList;
    const RewrittenPage worst(page, [&](uint32_t offset) {
      const bool is_length = offset >= offsetof(Dma, len);
      const uint32_t hostile = 0xfffffff0;
      std::memcpy(page + offset, &hostile, is_length ? sizeof(uint16_t) : sizeof(uint32_t));
    });
    filled = chain.Fill(guest.memory(), dma);
  }
  ASSERT_TRUE(filled.ok()) << filled;
  ASSERT_EQ(chain.sections().size(), 3u);
  EXPECT_EQ(chain.section_address(0), GuestPhys(0x4000));
  EXPECT_EQ(chain.sections()[0].iov_len, 0x100u);
  EXPECT_EQ(chain.section_address(1), GuestPhys(kTop - 0x200));
  EXPECT_EQ(chain.sections()[1].iov_len, 0x200u);
  EXPECT_EQ(chain.size(), 0x301u);
}

}  // namespace
}  // namespace lguest
