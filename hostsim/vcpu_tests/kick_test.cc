// Kicks: none is lost, and none skips or repeats an instruction.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "hostsim/testing/test_machine.h"
#include "hostsim/vcpu.h"

namespace lguest::hostsim {
namespace {

TEST(VcpuKickTest, KickBeforeRunStopsAtFirstInstruction) {
  TestMachine machine;
  machine.Load(1, {0x43, 0xcd, kDone});  // inc %ebx; int
  machine.cpu->Kick();
  RecordingHandler handler;
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kKicked);
  EXPECT_EQ(machine.reg(Register::kEip), kKernelCode);
  EXPECT_TRUE(handler.traps.empty());
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(machine.reg(Register::kEbx), 1u);
}

TEST(VcpuKickTest, KicksAreNotCounted) {
  TestMachine machine;
  machine.Load(1, {0xcd, kDone});
  machine.cpu->Kick();
  machine.cpu->Kick();
  RecordingHandler handler;
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kKicked);
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kHandler);
}

TEST(VcpuKickTest, KickInHandlerStopsGuestAfterHandler) {
  TestMachine machine;
  machine.Load(1, {0xcd, 0x1f, 0x43, 0xcd, kDone});  // int $0x1f; inc %ebx; int
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    machine.cpu->Kick();
    return trap.vector == 0x1f;
  };
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kKicked);
  EXPECT_EQ(machine.reg(Register::kEip), kKernelCode + 2);
  EXPECT_EQ(machine.reg(Register::kEbx), 0u);
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(machine.reg(Register::kEbx), 1u);
}

// The code behind the interrupt has run before, so the CPU could go on without a look at the kick.
TEST(VcpuKickTest, KickInHandlerStopsGuestBeforeKnownCode) {
  TestMachine machine;
  machine.Load(1, {0xcd, 0x1f, 0x43, 0xcd, kDone});  // int $0x1f; inc %ebx; int
  for (const bool kick : {false, false, true}) {
    machine.EnterRing(1);
    RecordingHandler handler;
    handler.resume = [&](const Trap& trap) {
      if (kick) machine.cpu->Kick();
      return trap.vector == 0x1f;
    };
    EXPECT_EQ(*machine.cpu->Run(handler), kick ? Vcpu::Stop::kKicked : Vcpu::Stop::kHandler);
    EXPECT_EQ(machine.reg(Register::kEbx), kick ? 0u : 1u);
  }
}

TEST(VcpuKickTest, KickInStoppingHandlerStopsNextRun) {
  TestMachine machine;
  machine.Load(1, {0xcd, 0x1f, 0xcd, kDone});
  RecordingHandler handler;
  handler.resume = [&](const Trap&) {
    machine.cpu->Kick();
    return false;
  };
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kHandler);
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kKicked);
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kHandler);
}

TEST(VcpuKickTest, KickEndsAnEndlessLoop) {
  const MachineCode loops[] = {
      {0xeb, 0xfe},                          // 1: jmp 1b
      {0xf3, 0x90, 0xeb, 0xfc},              // 1: pause; jmp 1b
      {0x89, 0xe0, 0x50, 0x58, 0xeb, 0xfc},  // mov %esp,%eax; 1: push %eax; pop %eax; jmp 1b
      {0xe8, 0, 0, 0, 0, 0x58, 0x83, 0xe8, 0x05, 0xff, 0xe0},  // call .+5; pop; sub $5; jmp *%eax
      {0x8c, 0xd8, 0x8e, 0xd8, 0xeb, 0xfc},  // mov %ds,%eax; 1: mov %eax,%ds; jmp 1b
  };
  for (const MachineCode& loop : loops) {
    for (const int ring : {1, 3}) {
      TestMachine machine;
      machine.Load(ring, loop);
      std::thread kicker([&] { machine.cpu->Kick(); });
      RecordingHandler handler;
      EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kKicked);
      kicker.join();
    }
  }
}

// Runs ring 3 code that traps repeatedly, with a handler that always continues.
void ExpectKickEndsStorm(const MachineCode& code) {
  TestMachine machine;
  machine.Load(3, code);
  std::thread kicker([&] { machine.cpu->Kick(); });
  RecordingHandler handler;
  handler.resume = [&](const Trap&) {
    handler.traps.clear();
    return true;
  };
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kKicked);
  kicker.join();
}

TEST(VcpuKickTest, KickEndsAStormOfFaults) { ExpectKickEndsStorm(LoadFrom(0x50000000)); }

TEST(VcpuKickTest, KickEndsAStormOfSoftwareInterrupts) {
  ExpectKickEndsStorm({0xcd, 0x80, 0xeb, 0xfc});  // 1: int $0x80; jmp 1b
}

TEST(VcpuKickTest, KickEndsAStormOfInvalidInstructions) {
  ExpectKickEndsStorm({0x0f, 0x0b});  // ud2
}

// Sends one kick at a time, each after the previous one was seen. A lost kick would hang this test.
// A repeated or skipped instruction would change the sums.
TEST(VcpuKickTest, KicksAreNotLostAndRepeatNothing) {
  TestMachine machine;
  machine.Load(3, {
                      0x54,                                 // push %esp
                      0x54,                                 // push %esp: room at (%esp)
                      0xc7, 0x04,  0x24, 0,    0,    0, 0,  // movl $0,(%esp)
                      0xb9, 0x00,  0x2d, 0x31, 0x01,        // mov $20000000,%ecx
                      0x43,                                 // 1: inc %ebx
                      0xff, 0x04,  0x24,                    // incl (%esp)
                      0x47,                                 // inc %edi
                      0x49,                                 // dec %ecx
                      0x75, 0xf8,                           // jnz 1b
                      0x8b, 0x04,  0x24,                    // mov (%esp),%eax
                      0xcd, kDone,
                  });
  std::atomic<uint32_t> wanted = 0;
  std::atomic<bool> over = false;
  std::thread kicker([&] {
    for (uint32_t sent = 0; !over.load();) {
      if (wanted.load() < sent) {
        std::this_thread::yield();
        continue;
      }
      ++sent;
      machine.cpu->Kick();
    }
  });
  RecordingHandler handler;
  uint32_t kicks = 0;
  for (;;) {
    const auto stop = machine.cpu->Run(handler);
    if (!stop.ok() || *stop != Vcpu::Stop::kKicked) break;
    ++kicks;
    wanted.store(kicks);
  }
  over.store(true);
  kicker.join();
  EXPECT_TRUE(IsDone(handler.traps.back()));
  EXPECT_GT(kicks, 0u);
  EXPECT_EQ(machine.reg(Register::kEbx), 20000000u);
  EXPECT_EQ(machine.reg(Register::kEdi), 20000000u);
  EXPECT_EQ(machine.reg(Register::kEax), 20000000u);
}

}  // namespace
}  // namespace lguest::hostsim
