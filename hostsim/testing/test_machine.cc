#include "hostsim/testing/test_machine.h"

#include <array>
#include <cstdlib>
#include <iostream>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {
namespace {

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    std::abort();
  }
  return *std::move(result);
}

void OrDie(const absl::Status& status) {
  if (!status.ok()) {
    std::cerr << status << "\n";
    std::abort();
  }
}

constexpr uint64_t Flat(uint64_t type, uint64_t dpl, uint64_t base = 0) {
  return 0x00cf90000000ffff | (type << 40) | (dpl << 45) | ((base & 0xffffff) << 16) |
         ((base >> 24) << 56);
}

MachineCode WithAddress(uint8_t opcode, uint32_t address) {
  MachineCode code = {opcode};
  for (int shift = 0; shift < 32; shift += 8) {
    code.push_back(static_cast<uint8_t>(address >> shift));
  }
  code.insert(code.end(), {0xcd, kDone});
  return code;
}

}  // namespace

TestMachine::TestMachine(const TestPlatform& platform) {
  memory = OrDie(GuestMemory::Create(kMemorySize));
  cpu = OrDie(platform.new_cpu(*memory));
  OrDie(cpu->Start(GuestPhys(kDirectory), kPageOffset));

  gdt[kTls3 >> 3] = Flat(3, 3, kTlsBase);
  gdt[kCode1 >> 3] = Flat(0xb, 1);
  gdt[kData1 >> 3] = Flat(3, 1);
  gdt[kCode3 >> 3] = Flat(0xb, 3);
  gdt[kData3 >> 3] = Flat(3, 3);
  cpu->SetGdt(gdt);

  for (const uint32_t directory : {kDirectory, kOtherDirectory}) {
    for (uint32_t phys = 0; phys < kMemorySize; phys += kPageSize) {
      Map(kPageOffset + phys, phys, kP | kW, directory);
    }
    for (uint32_t page = 0; page < kUserCodePages * kPageSize; page += kPageSize) {
      Map(kUserCode + page, kCodePhys + page, kP | kU, directory);
    }
    Map(kUserStackTop - kPageSize, 0x130000, kP | kW | kU, directory);
  }
}

uint32_t TestMachine::TableEntry(uint32_t virt, uint32_t directory) {
  const uint32_t pde = directory + (virt >> 22) * 4;
  if ((Peek(pde) & kP) == 0) {
    Poke(pde, next_table_ | kP | kW | kU);
    next_table_ += kPageSize;
  }
  return (Peek(pde) & ~0xfffu) + (virt >> 12 & 0x3ff) * 4;
}

void TestMachine::Map(uint32_t virt, uint32_t page, uint32_t flags, uint32_t directory) {
  Poke(TableEntry(virt, directory), page | flags);
}

uint32_t TestMachine::Peek(uint32_t phys) const {
  return OrDie(memory->Read<uint32_t>(GuestPhys(phys)));
}

void TestMachine::Poke(uint32_t phys, uint32_t value) {
  OrDie(memory->Write(GuestPhys(phys), value));
}

void TestMachine::PokeBytes(uint32_t phys, const MachineCode& bytes) {
  OrDie(memory->WriteBytes(GuestPhys(phys), std::as_bytes(std::span(bytes))));
}

void TestMachine::Load(int ring, const MachineCode& code) {
  PokeBytes(kCodePhys, code);
  EnterRing(ring);
}

void TestMachine::EnterRing(int ring) {
  for (int i = 0; i < static_cast<int>(Register::kEip); ++i) {
    cpu->Set(static_cast<Register>(i), 0);
  }
  const bool user = ring == 3;
  cpu->Set(Register::kEsp, user ? kUserStackTop : kKernelStackTop);
  cpu->Set(Register::kEip, user ? kUserCode : kKernelCode);
  cpu->Set(Register::kEflags, 0x202);
  cpu->Set(Register::kCs, user ? kCode3 : kCode1);
  for (const Register reg : {Register::kSs, Register::kDs, Register::kEs}) {
    cpu->Set(reg, user ? kData3 : kData1);
  }
  cpu->Set(Register::kFs, 0);
  cpu->Set(Register::kGs, 0);
}

Trap TestMachine::RunToTrap() {
  RecordingHandler handler;
  const Vcpu::Stop stop = OrDie(cpu->Run(handler));
  if (stop != Vcpu::Stop::kHandler || handler.traps.size() != 1) std::abort();
  return handler.traps[0];
}

Trap TestMachine::Do(int ring, const MachineCode& code) {
  Load(ring, code);
  return RunToTrap();
}

bool IsDone(const Trap& trap) {
  return trap.kind == Trap::Kind::kSoftwareInterrupt && trap.vector == kDone;
}

MachineCode LoadFrom(uint32_t virt) { return WithAddress(0xa1, virt); }

MachineCode StoreTo(uint32_t virt) { return WithAddress(0xa3, virt); }

bool IsPageFault(const Trap& trap, uint32_t cr2, uint32_t error_code) {
  return IsException(trap, 14, error_code) && trap.cr2 == cr2;
}

bool IsException(const Trap& trap, uint8_t vector, uint32_t error_code) {
  return trap.kind == Trap::Kind::kException && trap.vector == vector &&
         trap.error_code == error_code;
}

}  // namespace lguest::hostsim
