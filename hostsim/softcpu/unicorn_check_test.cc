// CheckUnicorn() succeeds with the real layout and fails with every other layout.

#include "hostsim/softcpu/unicorn_check.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "hostsim/softcpu/soft_cpu.h"
#include "hostsim/softcpu/unicorn_internals.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {
namespace {

absl::Status CreateWith(const UnicornLayout& layout) {
  const auto memory = GuestMemory::Create(16 * kPageSize);
  if (!memory.ok()) return memory.status();
  return SoftCpu::Create(**memory, {.counts_instructions = true, .layout = layout}).status();
}

TEST(UnicornCheckTest, AcceptsTheLinkedLibrary) {
  const absl::Status status = CreateWith(UnicornLayout());
  EXPECT_TRUE(status.ok()) << status;
}

TEST(UnicornCheckTest, GuestMemoryIsNotChanged) {
  const auto memory = GuestMemory::Create(4 * kPageSize);
  ASSERT_TRUE(memory.ok());
  ASSERT_TRUE(SoftCpu::Create(**memory).ok());
  for (uint32_t phys = 0; phys < (*memory)->size(); phys += 4) {
    ASSERT_EQ(*(*memory)->Read<uint32_t>(GuestPhys(phys)), 0u) << phys;
  }
}

struct Field {
  const char* name;
  ptrdiff_t UnicornLayout::* offset;
};

constexpr Field kFields[] = {
    {"no_exit_request", &UnicornLayout::no_exit_request},
    {"next_cflags", &UnicornLayout::next_cflags},
    {"interrupt_request", &UnicornLayout::interrupt_request},
    {"jump_cache", &UnicornLayout::jump_cache},
    {"cpu_to_env", &UnicornLayout::cpu_to_env},
    {"icount_high", &UnicornLayout::icount_high},
    {"refused", &UnicornLayout::refused},
    {"budget", &UnicornLayout::budget},
    {"tlb_fast", &UnicornLayout::tlb_fast},
    {"tlb_slow", &UnicornLayout::tlb_slow},
    {"tlb_slow_size", &UnicornLayout::tlb_slow_size},
    {"tlb_used", &UnicornLayout::tlb_used},
    {"tlb_victims", &UnicornLayout::tlb_victims},
    {"block_pc", &UnicornLayout::block_pc},
    {"block_instructions", &UnicornLayout::block_instructions},
    {"registers", &UnicornLayout::registers},
    {"eip", &UnicornLayout::eip},
    {"cc_source", &UnicornLayout::cc_source},
    {"cc_operation", &UnicornLayout::cc_operation},
    {"hflags", &UnicornLayout::hflags},
    {"segments", &UnicornLayout::segments},
    {"error_code", &UnicornLayout::error_code},
    {"exception_is_int", &UnicornLayout::exception_is_int},
    {"old_exception", &UnicornLayout::old_exception},
};

class UnicornCheckFieldTest : public testing::TestWithParam<Field> {};

TEST_P(UnicornCheckFieldTest, OtherOffsetIsDetected) {
  for (const ptrdiff_t by : {-16, -8, -4, 4, 8, 16}) {
    UnicornLayout layout;
    layout.*GetParam().offset += by;
    const absl::Status status = CreateWith(layout);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << by << ": " << status;
    const std::string message(status.message());
    EXPECT_EQ(message.rfind("the linked Unicorn library differs from 2.0.1: ", 0), 0u) << message;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryField, UnicornCheckFieldTest, testing::ValuesIn(kFields),
                         [](const auto& field) { return field.param.name; });

}  // namespace
}  // namespace lguest::hostsim
