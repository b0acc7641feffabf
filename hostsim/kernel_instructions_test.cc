// Tests of the instructions that the host executes (VIRTIO_ABI.md §4.1, §5.5, §9.6).

#include "hostsim/kernel_instructions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "hostsim/testing/generation_guest.h"

namespace lguest::hostsim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Guest = GenerationGuest;

constexpr uint32_t kDevicePage = 0x00800000;  // above memory

// Records accesses. Reads return 0x11223344.
class RecordingIo final : public GuestIo {
 public:
  absl::StatusOr<uint32_t> ReadPort(uint16_t port, uint32_t size) override {
    log.push_back(absl::StrFormat("in 0x%x/%u", port, size));
    return 0x11223344;
  }
  absl::StatusOr<Effect> WritePort(uint16_t port, uint32_t size, uint32_t value) override {
    log.push_back(absl::StrFormat("out 0x%x/%u 0x%x", port, size, value));
    return effect;
  }
  bool IsDeviceMemory(GuestPhys page) const override { return page.value() == kDevicePage; }
  absl::StatusOr<uint32_t> ReadMemory(GuestPhys address, uint32_t size) override {
    log.push_back(absl::StrFormat("read 0x%x/%u", address.value(), size));
    return 0x11223344;
  }
  absl::StatusOr<Effect> WriteMemory(GuestPhys address, uint32_t size, uint32_t value) override {
    log.push_back(absl::StrFormat("write 0x%x/%u 0x%x", address.value(), size, value));
    return effect;
  }

  std::vector<std::string> log;
  Effect effect = Effect::kNone;
};

class KernelInstructionsTest : public testing::Test {
 protected:
  KernelInstructionsTest() {
    guest_.guest.paging = PagingFormat::kNone;  // %eip is a physical address
    guest_.guest.io = &io_;
    guest_.cpu.Set(Register::kEip, Guest::kFree);
    guest_.cpu.Set(Register::kEax, 0xaabbccdd);
    guest_.cpu.Set(Register::kEdx, 0xffff0cfc);
  }

  void Code(const std::vector<uint8_t>& code) {
    ASSERT_TRUE(
        guest_.memory->WriteBytes(GuestPhys(Guest::kFree), std::as_bytes(std::span(code))).ok());
  }

  // Executes the privileged instruction, whose length is that of `code`.
  void Privileged(const std::vector<uint8_t>& code) {
    guest_.cpu.Set(Register::kEip, Guest::kFree);
    Code(code);
    const auto executed = ExecutePrivileged(guest_.guest);
    ASSERT_TRUE(executed.ok()) << executed.status();
    EXPECT_TRUE(*executed);
    EXPECT_EQ(guest_.cpu.Get(Register::kEip), Guest::kFree + code.size());
  }

  // The same for an access to the byte 0x14 of the device page.
  void Access(const std::vector<uint8_t>& code) {
    guest_.cpu.Set(Register::kEip, Guest::kFree);
    Code(code);
    const auto executed = ExecuteDeviceAccess(guest_.guest, DeviceTrap());
    ASSERT_TRUE(executed.ok()) << executed.status();
    EXPECT_TRUE(*executed);
    EXPECT_EQ(guest_.cpu.Get(Register::kEip), Guest::kFree + code.size());
  }

  static Trap DeviceTrap() {
    return {
        .kind = Trap::Kind::kBadPageTableEntry, .cr2 = 0xf8000014, .frame = GuestPhys(kDevicePage)};
  }

  uint32_t eax() const { return guest_.cpu.Get(Register::kEax); }

  Guest guest_{{4, 13, 0}};
  RecordingIo io_;
};

TEST_F(KernelInstructionsTest, InReadsTheWidthOfItsOperand) {
  Privileged({0xed});
  EXPECT_EQ(eax(), 0x11223344u);
  guest_.cpu.Set(Register::kEax, 0xaabbccdd);
  Privileged({0x66, 0xed});
  EXPECT_EQ(eax(), 0xaabb3344u);
  guest_.cpu.Set(Register::kEax, 0xaabbccdd);
  Privileged({0xec});
  EXPECT_EQ(eax(), 0xaabbcc44u);
  Privileged({0xe4, 0x61});
  EXPECT_THAT(io_.log, ElementsAre("in 0xcfc/4", "in 0xcfc/2", "in 0xcfc/1", "in 0x61/1"));
}

TEST_F(KernelInstructionsTest, OutWritesTheWidthOfItsOperand) {
  Privileged({0xef});
  Privileged({0x66, 0xef});
  Privileged({0xee});
  Privileged({0xe7, 0x80});
  EXPECT_THAT(io_.log, ElementsAre("out 0xcfc/4 0xaabbccdd", "out 0xcfc/2 0xccdd",
                                   "out 0xcfc/1 0xdd", "out 0x80/4 0xaabbccdd"));
  EXPECT_EQ(guest_.notified(), nullptr);
}

TEST_F(KernelInstructionsTest, DeviceMayAskForTheLauncher) {
  io_.effect = GuestIo::Effect::kNotify;
  Privileged({0xef});
  EXPECT_NE(guest_.notified(), nullptr);
}

TEST_F(KernelInstructionsTest, WithoutDevicesPortsReadOnes) {
  guest_.guest.io = nullptr;
  guest_.cpu.Set(Register::kEax, 0);
  Privileged({0xec});
  EXPECT_EQ(eax(), 0xffu);
  Privileged({0x66, 0xed});
  EXPECT_EQ(eax(), 0xffffu);
  Privileged({0xed});
  EXPECT_EQ(eax(), 0xffffffffu);
  Privileged({0xef});
}

TEST_F(KernelInstructionsTest, CliHasNoEffect) { Privileged({0xfa}); }

TEST_F(KernelInstructionsTest, Cr0IsReadableBeforeInit) {
  Privileged({0x0f, 0x20, 0xc3});  // mov %cr0,%ebx
  EXPECT_EQ(guest_.cpu.Get(Register::kEbx), 0x80050033u);
  Privileged({0x0f, 0x22, 0xc0});
  ASSERT_TRUE(guest_.Init().ok());
  guest_.guest.paging = PagingFormat::kNone;
  guest_.cpu.Set(Register::kEip, Guest::kFree);
  Code({0x0f, 0x20, 0xc0});
  EXPECT_FALSE(*ExecutePrivileged(guest_.guest));
}

TEST_F(KernelInstructionsTest, OtherInstructionsAreTheGuests) {
  for (const std::vector<uint8_t>& code : {std::vector<uint8_t>{0x0f, 0x32},  // rdmsr
                                           {0x0f, 0x20, 0xd8},                // mov %cr3,%eax
                                           {0xf4},                            // hlt
                                           {0x66, 0x66, 0xed}}) {
    guest_.cpu.Set(Register::kEip, Guest::kFree);
    Code(code);
    EXPECT_FALSE(*ExecutePrivileged(guest_.guest));
    EXPECT_EQ(guest_.cpu.Get(Register::kEip), Guest::kFree);
  }
}

TEST_F(KernelInstructionsTest, UserCodeGetsNothingExecuted) {
  guest_.cpu.Set(Register::kCs, 0x73);
  Code({0xed});
  EXPECT_FALSE(*ExecutePrivileged(guest_.guest));
  EXPECT_FALSE(*ExecuteDeviceAccess(guest_.guest, DeviceTrap()));
  Code({0x0f, 0x01, 0xc1});
  EXPECT_FALSE(ExecuteVmcall(guest_.guest));
  EXPECT_THAT(io_.log, IsEmpty());
}

TEST_F(KernelInstructionsTest, KeyboardResetEndsTheGuest) {
  guest_.cpu.Set(Register::kEax, 0xfe);
  Code({0xe6, 0x64});
  EXPECT_EQ(ExecutePrivileged(guest_.guest).status().message(), kRestartReason);
}

TEST_F(KernelInstructionsTest, VmcallIsAHypercall) {
  Code({0x0f, 0x01, 0xc1});
  EXPECT_TRUE(ExecuteVmcall(guest_.guest));
  EXPECT_TRUE(guest_.guest.hypercall_pending);
  EXPECT_EQ(guest_.cpu.Get(Register::kEip), Guest::kFree + 3);
  guest_.cpu.Set(Register::kEip, Guest::kFree);
  Code({0x0f, 0x0b, 0xc1});  // ud2
  EXPECT_FALSE(ExecuteVmcall(guest_.guest));
}

TEST_F(KernelInstructionsTest, MovesBetweenRegisterAndDevice) {
  guest_.cpu.Set(Register::kEbx, 0x55667788);
  Access({0x89, 0x18});                          // mov %ebx,(%eax)
  Access({0x66, 0x89, 0x18});                    // mov %bx,(%eax)
  Access({0x88, 0x38});                          // mov %bh,(%eax)
  Access({0x89, 0x58, 0x10});                    // mov %ebx,0x10(%eax)
  Access({0x89, 0x98, 0, 1, 0, 0});              // mov %ebx,0x100(%eax)
  Access({0x89, 0x1d, 0x14, 0, 0, 0xf8});        // mov %ebx,0xf8000014
  Access({0x89, 0x1c, 0x24});                    // mov %ebx,(%esp)
  Access({0x89, 0x5c, 0x24, 0x10});              // mov %ebx,0x10(%esp)
  Access({0x89, 0x9c, 0x24, 0, 1, 0, 0});        // mov %ebx,0x100(%esp)
  Access({0x89, 0x1c, 0x05, 0x14, 0, 0, 0xf8});  // mov %ebx,0xf8000014(,%eax)
  Access({0x66, 0x89, 0x9c, 0x24, 0, 1, 0, 0});  // the longest
  EXPECT_EQ(io_.log.size(), 11u);
  EXPECT_EQ(io_.log[0], "write 0x800014/4 0x55667788");
  EXPECT_EQ(io_.log[1], "write 0x800014/2 0x7788");
  EXPECT_EQ(io_.log[2], "write 0x800014/1 0x77");
  for (size_t i = 3; i < 10; ++i) EXPECT_EQ(io_.log[i], io_.log[0]) << i;
  EXPECT_EQ(io_.log[10], io_.log[1]);
}

TEST_F(KernelInstructionsTest, ReadsKeepTheRestOfTheRegister) {
  guest_.cpu.Set(Register::kEcx, 0xaabbccdd);
  Access({0x8a, 0x08});  // mov (%eax),%cl
  EXPECT_EQ(guest_.cpu.Get(Register::kEcx), 0xaabbcc44u);
  Access({0x8a, 0x28});  // mov (%eax),%ch
  EXPECT_EQ(guest_.cpu.Get(Register::kEcx), 0xaabb4444u);
  Access({0x66, 0x8b, 0x08});
  EXPECT_EQ(guest_.cpu.Get(Register::kEcx), 0xaabb3344u);
  Access({0x8b, 0x08});
  EXPECT_EQ(guest_.cpu.Get(Register::kEcx), 0x11223344u);
}

TEST_F(KernelInstructionsTest, EaxHasFormsOfItsOwn) {
  Access({0xa3, 0x14, 0, 0, 0xf8});
  Access({0xa2, 0x14, 0, 0, 0xf8});
  Access({0xa1, 0x14, 0, 0, 0xf8});
  Access({0x66, 0xa1, 0x14, 0, 0, 0xf8});
  EXPECT_THAT(io_.log, ElementsAre("write 0x800014/4 0xaabbccdd", "write 0x800014/1 0xdd",
                                   "read 0x800014/4", "read 0x800014/2"));
}

TEST_F(KernelInstructionsTest, OtherInstructionsCannotAccessDevices) {
  for (const std::vector<uint8_t>& code : {std::vector<uint8_t>{0x01, 0x18},  // add %ebx,(%eax)
                                           {0xa5},                            // movsl
                                           {0x89, 0xd8},                      // mov %ebx,%eax
                                           {0xf0, 0x89, 0x18}}) {             // lock
    guest_.cpu.Set(Register::kEip, Guest::kFree);
    Code(code);
    EXPECT_EQ(ExecuteDeviceAccess(guest_.guest, DeviceTrap()).status().message(),
              "instruction at 0x8000 cannot access device memory");
  }
  EXPECT_THAT(io_.log, IsEmpty());
}

TEST_F(KernelInstructionsTest, OtherPagesAreNoDevice) {
  Code({0x89, 0x18});
  Trap trap = DeviceTrap();
  trap.frame = GuestPhys(kDevicePage + kPageSize);
  EXPECT_FALSE(*ExecuteDeviceAccess(guest_.guest, trap));
  guest_.guest.io = nullptr;
  EXPECT_FALSE(*ExecuteDeviceAccess(guest_.guest, DeviceTrap()));
}

TEST_F(KernelInstructionsTest, CodeAtTheEndOfMemoryIsReadUpToThere) {
  constexpr uint32_t kLast = Guest::kMemorySize - 1;
  ASSERT_TRUE(guest_.memory->Write(GuestPhys(kLast), uint8_t{0xed}).ok());
  guest_.cpu.Set(Register::kEip, kLast);
  EXPECT_TRUE(*ExecutePrivileged(guest_.guest));
  ASSERT_TRUE(guest_.memory->Write(GuestPhys(kLast), uint8_t{0x89}).ok());
  guest_.cpu.Set(Register::kEip, kLast);
  EXPECT_TRUE(ExecuteDeviceAccess(guest_.guest, DeviceTrap()).ok());
}

}  // namespace
}  // namespace lguest::hostsim
