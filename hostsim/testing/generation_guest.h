// The state of a guest of any generation, without a host around it.

#ifndef HOSTSIM_TESTING_GENERATION_GUEST_H_
#define HOSTSIM_TESTING_GENERATION_GUEST_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "hostsim/guest_state.h"
#include "hostsim/hypercalls.h"
#include "hostsim/testing/fake_clock.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// Memory, a CPU whose registers the test sets, and a GuestState that has executed LGUEST_INIT.
class GenerationGuest {
 public:
  static constexpr uint32_t kMemorySize = 64 * kPageSize;
  static constexpr uint32_t kPageOffset = 0xc0000000;
  static constexpr uint32_t kData = 0x1000;  // lguest_data
  static constexpr uint32_t kText = 0x2000;  // for the test
  static constexpr uint32_t kStack = 0x4000;
  static constexpr uint32_t kEip = kPageOffset + 0x12345;
  static constexpr uint32_t kIret = kPageOffset + 0x12400;  // noirq_iret
  static constexpr uint32_t kFree = 0x8000;

  explicit GenerationGuest(const KernelVersion& version)
      : abi(*FindGuestAbi(version)),
        memory(*GuestMemory::Create(kMemorySize)),
        cpu(*memory, Script()),
        guest(*memory, cpu, clock) {
    guest.abi = &abi;
    guest.page_offset = kPageOffset;
    guest.low_offset = abi.is_virtio() ? 0 : kPageOffset;
    if (abi.int_uses_interrupt_gates) guest.gates.AllowInterruptGates();
    Field(abi.data.kernel_address, kPageOffset);
    Field(abi.data.syscall_vec, kSystemCallVector);
    Field(abi.data.noirq_iret, kIret);
    for (uint32_t slot = 0; slot < kHypercallRingSize; ++slot) {
      memory->Write(GuestPhys(kData + abi.data.hcall_status + slot), kHypercallDone).IgnoreError();
    }
    cpu.Set(Register::kCs, kGuestKernelCs);
    cpu.Set(Register::kSs, kGuestKernelDs);
    cpu.Set(Register::kEsp, kPageOffset + kStack);
    cpu.Set(Register::kEip, kEip);
  }

  // LGUEST_INIT.
  absl::Status Init() { return Call(1, {kData}); }

  // A direct hypercall, with the arguments in the generation's registers.
  absl::Status Call(uint32_t number, const std::vector<uint32_t>& arguments) {
    static constexpr Register kOld[] = {Register::kEdx, Register::kEbx, Register::kEcx};
    static constexpr Register kNew[] = {Register::kEbx, Register::kEcx, Register::kEdx,
                                        Register::kEsi};
    const bool is_old = abi.arguments == ArgumentRegisters::kEdxEbxEcx;
    const std::span<const Register> registers = is_old ? std::span<const Register>(kOld) : kNew;
    cpu.Set(Register::kEax, number);
    for (size_t i = 0; i < registers.size(); ++i) {
      cpu.Set(registers[i], i < arguments.size() ? arguments[i] : 0);
    }
    guest.hypercall_pending = true;
    return ExecuteHypercalls(guest);
  }

  // The reason of death by Init() and this call; empty: alive.
  std::string DeathBy(uint32_t number, const std::vector<uint32_t>& arguments) {
    if (absl::Status init = Init(); !init.ok()) return std::string(init.message());
    return std::string(Call(number, arguments).message());
  }

  // lguest_data.
  SharedData data() const { return *SharedData::At(*memory, GuestPhys(kData), abi.data); }

  // What the guest has notified; nullptr: nothing.
  const Notified* notified() const {
    if (!guest.for_launcher.has_value()) return nullptr;
    return std::get_if<Notified>(&*guest.for_launcher);
  }

  bool has_requested_restart() const {
    return guest.for_launcher.has_value() &&
           std::holds_alternative<RestartRequested>(*guest.for_launcher);
  }

  uint32_t Peek(uint32_t phys) const { return *memory->Read<uint32_t>(GuestPhys(phys)); }
  void Poke(uint32_t phys, uint32_t value) { memory->Write(GuestPhys(phys), value).IgnoreError(); }

  // A field of lguest_data at this offset; 0: the generation does not have it.
  void Field(uint32_t offset, uint32_t value) {
    if (offset != 0) Poke(kData + offset, value);
  }
  uint32_t Field(uint32_t offset) const { return Peek(kData + offset); }

  const GuestAbi& abi;
  const std::unique_ptr<GuestMemory> memory;
  ScriptedVcpu cpu;
  FakeClock clock;
  GuestState guest;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_GENERATION_GUEST_H_
