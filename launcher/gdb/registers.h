// The registers of an i386 in gdb's order.

#ifndef LAUNCHER_GDB_REGISTERS_H_
#define LAUNCHER_GDB_REGISTERS_H_

#include <string>
#include <string_view>

#include "hostsim/vcpu.h"

namespace lguest::gdb {

// The description of the registers, which gdb asks for.
std::string_view TargetDescription();

// All registers as hexadecimal digits, in the order of the description.
std::string RegisterDigits(const hostsim::Vcpu& cpu);

}  // namespace lguest::gdb

#endif  // LAUNCHER_GDB_REGISTERS_H_
