// Whatever code a guest's kernel has where it traps, the host executes at most one instruction of
// at most 8 bytes, asks devices for 1, 2 or 4 bytes, and changes no memory. Input: eight registers,
// %eip, the address of the access, the code.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "hostsim/kernel_code.h"
#include "hostsim/kernel_instructions.h"
#include "hostsim/testing/generation_guest.h"
#include "launcher/host/guest_io.h"
#include "tools/fuzz/fuzz_input.h"
#include "tools/fuzz/fuzz_target.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kDevicePage = 0x00800000;  // above memory

class CheckingIo final : public GuestIo {
 public:
  absl::StatusOr<uint32_t> ReadPort(uint16_t /*port*/, uint32_t size) override {
    return Access(size);
  }
  absl::StatusOr<Effect> WritePort(uint16_t /*port*/, uint32_t size, uint32_t value) override {
    Access(size);
    Require(size == 4 || value >> (8 * size) == 0);
    return Effect::kNotify;
  }
  bool IsDeviceMemory(GuestPhys page) const override { return page.value() == kDevicePage; }
  absl::StatusOr<uint32_t> ReadMemory(GuestPhys /*address*/, uint32_t size) override {
    return Access(size);
  }
  absl::StatusOr<Effect> WriteMemory(GuestPhys /*address*/, uint32_t size,
                                     uint32_t value) override {
    Access(size);
    Require(size == 4 || value >> (8 * size) == 0);
    return Effect::kNone;
  }

 private:
  static uint32_t Access(uint32_t size) {
    Require(size == 1 || size == 2 || size == 4);
    return ~0u;
  }
};

void Run(FuzzInput input) {
  GenerationGuest machine({4, 13, 0});
  CheckingIo io;
  machine.guest.io = &io;
  machine.guest.paging = PagingFormat::kNone;
  for (uint8_t i = 0; i < 8; ++i) machine.cpu.Set(static_cast<Register>(i), input.Take<uint32_t>());
  const uint32_t eip = input.Take<uint32_t>() % GenerationGuest::kMemorySize;
  const uint32_t access = input.Take<uint32_t>();
  const auto code = input.TakeBytes(16);
  machine.memory->WriteBytes(GuestPhys(eip), std::as_bytes(code)).IgnoreError();
  const std::vector<std::byte> before(machine.memory->base(),
                                      machine.memory->base() + GenerationGuest::kMemorySize);

  const auto check = [&](bool executed) {
    const uint32_t length = machine.cpu.Get(Register::kEip) - eip;
    Require(executed ? length > 0 && length <= KernelCode::kLongest : length == 0);
    machine.cpu.Set(Register::kEip, eip);
  };
  machine.cpu.Set(Register::kEip, eip);
  const auto privileged = ExecutePrivileged(machine.guest);
  if (privileged.ok()) check(*privileged);
  machine.cpu.Set(Register::kEip, eip);
  check(ExecuteVmcall(machine.guest));
  const auto accessed = ExecuteDeviceAccess(
      machine.guest,
      {.kind = Trap::Kind::kBadPageTableEntry, .cr2 = access, .frame = GuestPhys(kDevicePage)});
  if (accessed.ok()) check(*accessed);
  Require(std::memcmp(machine.memory->base(), before.data(), before.size()) == 0);
}

}  // namespace
}  // namespace lguest::hostsim

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lguest::hostsim::Run({data, size});
  return 0;
}
