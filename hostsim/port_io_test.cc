#include "hostsim/port_io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string_view>

#include "hostsim/testing/scripted_machine.h"

namespace lguest::hostsim {
namespace {

using ::testing::IsEmpty;

constexpr uint32_t kFree = 0x5000;  // a page that Script::Init() does not use

TEST(PortTest, InReadsAllOnesAndOutHasNoEffect) {
  constexpr uint32_t kEaxNumber = static_cast<uint32_t>(Register::kEax);
  ScriptedMachine machine(Script()
                              .Init()
                              .Put(kFree, "\xec\xe5\x70\x66\xec\xee\xe6\x70")
                              .SetRegister(8, 0xc0005000)
                              .SetRegister(kEaxNumber, 0)
                              .Trap(13)  // inb (%dx): the host sets 16 bits (ABI.md §4.17)
                              .ExpectResult(0xffff)
                              .Trap(13)  // in $0x70,%eax
                              .ExpectResult(0xffffffff)
                              .SetRegister(kEaxNumber, 0)
                              .Trap(13)  // the operand size prefix
                              .ExpectResult(0xffff0000)
                              .Trap(13)  // outb %al,(%dx)
                              .Trap(13)  // outb %al,$0x70
                              .ExpectResult(0xffff0000)
                              .Trap(13));
  EXPECT_EQ(machine.Death(), "unhandled trap 13 at 0xc0005008 (0x0)");
  EXPECT_THAT(machine.cpu().failures(), IsEmpty());
}

TEST(PortTest, ResetByTheKeyboardControllerEndsTheGuest_F21) {
  constexpr uint32_t kEaxNumber = static_cast<uint32_t>(Register::kEax);
  constexpr uint32_t kEdxNumber = static_cast<uint32_t>(Register::kEdx);
  // outb %al,$0x64 and outb %al,(%dx)
  for (const std::string_view code : {"\xe6\x64", "\xee"}) {
    Script script;
    script.Init().Put(kFree, code).SetRegister(8, 0xc0005000).SetRegister(kEdxNumber, 0x12340064);
    ScriptedMachine machine(script.SetRegister(kEaxNumber, 0xabfe).Trap(13));
    EXPECT_EQ(machine.Death(), "restart by the keyboard controller");
  }
}

TEST(PortTest, OtherCommandsOfTheKeyboardControllerHaveNoEffect) {
  constexpr uint32_t kEaxNumber = static_cast<uint32_t>(Register::kEax);
  ScriptedMachine machine(Script()
                              .Init()
                              .Put(kFree, "\xe6\x64\xe7\x64\xe6\x60")
                              .SetRegister(8, 0xc0005000)
                              .SetRegister(kEaxNumber, 0xff)
                              .Trap(13)  // outb: another command
                              .SetRegister(kEaxNumber, 0xfe)
                              .Trap(13)  // outl
                              .Trap(13)  // another port
                              .Crash("x"));
  EXPECT_EQ(machine.Death(), "CRASH: x");
}

TEST(PortTest, KernelCodeBeginsAtThePageOffset) {
  ScriptedMachine machine(
      Script().Init().Put(0, "\xee\x90").SetRegister(8, Script::kPageOffset).Trap(13).Trap(13));
  EXPECT_EQ(machine.Death(), "unhandled trap 13 at 0xc0000001 (0x0)");
}

TEST(PortTest, UserCodeIsNotEmulated) {
  ScriptedMachine machine(Script().Init().SetRegister(8, 0x08048000).Trap(13));
  EXPECT_EQ(machine.Death(), "unhandled trap 13 at 0x8048000 (0x0)");
}

}  // namespace
}  // namespace lguest::hostsim
