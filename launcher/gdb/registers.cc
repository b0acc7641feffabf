#include "launcher/gdb/registers.h"

#include <cstdint>
#include <span>

#include "hostsim/i386/fpu_registers.h"
#include "hostsim/i386/registers.h"
#include "launcher/gdb/packet.h"

namespace lguest::gdb {
namespace {

using hostsim::FpuRegisters;
using hostsim::Register;

constexpr std::string_view kDescription = R"(<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target version="1.0">
<architecture>i386</architecture>
<feature name="org.gnu.gdb.i386.core">
<reg name="eax" bitsize="32" type="int32"/>
<reg name="ecx" bitsize="32" type="int32"/>
<reg name="edx" bitsize="32" type="int32"/>
<reg name="ebx" bitsize="32" type="int32"/>
<reg name="esp" bitsize="32" type="data_ptr"/>
<reg name="ebp" bitsize="32" type="data_ptr"/>
<reg name="esi" bitsize="32" type="int32"/>
<reg name="edi" bitsize="32" type="int32"/>
<reg name="eip" bitsize="32" type="code_ptr"/>
<reg name="eflags" bitsize="32" type="int32"/>
<reg name="cs" bitsize="32" type="int32"/>
<reg name="ss" bitsize="32" type="int32"/>
<reg name="ds" bitsize="32" type="int32"/>
<reg name="es" bitsize="32" type="int32"/>
<reg name="fs" bitsize="32" type="int32"/>
<reg name="gs" bitsize="32" type="int32"/>
<reg name="st0" bitsize="80" type="i387_ext"/>
<reg name="st1" bitsize="80" type="i387_ext"/>
<reg name="st2" bitsize="80" type="i387_ext"/>
<reg name="st3" bitsize="80" type="i387_ext"/>
<reg name="st4" bitsize="80" type="i387_ext"/>
<reg name="st5" bitsize="80" type="i387_ext"/>
<reg name="st6" bitsize="80" type="i387_ext"/>
<reg name="st7" bitsize="80" type="i387_ext"/>
<reg name="fctrl" bitsize="32" type="int" group="float"/>
<reg name="fstat" bitsize="32" type="int" group="float"/>
<reg name="ftag" bitsize="32" type="int" group="float"/>
<reg name="fiseg" bitsize="32" type="int" group="float"/>
<reg name="fioff" bitsize="32" type="int" group="float"/>
<reg name="foseg" bitsize="32" type="int" group="float"/>
<reg name="fooff" bitsize="32" type="int" group="float"/>
<reg name="fop" bitsize="32" type="int" group="float"/>
</feature>
<feature name="org.lguest.control">
<reg name="cr3" bitsize="32" type="int32"/>
</feature>
</target>
)";

constexpr Register kCore[] = {Register::kEax, Register::kEcx,    Register::kEdx, Register::kEbx,
                              Register::kEsp, Register::kEbp,    Register::kEsi, Register::kEdi,
                              Register::kEip, Register::kEflags, Register::kCs,  Register::kSs,
                              Register::kDs,  Register::kEs,     Register::kFs,  Register::kGs};
constexpr int kStackSize = 8;
constexpr int kUnknownFpuWords = 5;  // fiseg to fop

template <typename T>
std::string Digits(const T& value) {
  return ToHex(std::as_bytes(std::span(&value, 1)));
}

}  // namespace

std::string_view TargetDescription() { return kDescription; }

std::string RegisterDigits(const hostsim::Vcpu& cpu) {
  std::string digits;
  for (const Register reg : kCore) digits += Digits(cpu.Get(reg));
  const FpuRegisters fpu = cpu.fpu().value_or(FpuRegisters());
  const int top = fpu.status >> 11 & (kStackSize - 1);
  for (int i = 0; i < kStackSize; ++i) {
    const FpuRegisters::Extended& number = fpu.r[static_cast<size_t>((top + i) % kStackSize)];
    digits += Digits(number.significand) + Digits(number.sign_and_exponent);
  }
  for (const uint16_t word : {fpu.control, fpu.status, fpu.tags}) digits += Digits(uint32_t{word});
  for (int i = 0; i < kUnknownFpuWords; ++i) digits += Digits(uint32_t{0});
  return digits + Digits(cpu.page_directory().value());
}

}  // namespace lguest::gdb
