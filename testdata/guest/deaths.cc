#include "testdata/guest/deaths.h"

#include "testdata/guest/boot.h"
#include "testdata/guest/console.h"
#include "testdata/guest/devices.h"
#include "testdata/guest/gdt.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/pages.h"
#include "testdata/guest/paging.h"

namespace guest {
namespace {

// Beyond any guest's memory.
constexpr uint32_t kNoMemory = 0xfffff000;
constexpr uint32_t kHostArea = 0xffc00000;

void RemoveGate(uint32_t vector) { CallHost(Hypercall::kLoadIdtEntry, vector, 0, 0); }

void UnhandledTrap() {
  RemoveGate(kInvalidOpcode);
  asm volatile("ud2");
}

void UnhandledPageFault() {
  RemoveGate(kPageFault);
  asm volatile("movl $1, 0x1234");
}

// Instructions that only ring 0 may execute.
void PrivilegedInstruction() {
  RemoveGate(kGeneralProtection);
  asm volatile("movl %eax, %cr3");
}

void ReturnToRing0() {
  RemoveGate(kGeneralProtection);
  asm volatile("pushl $0x202; pushl $0x60; pushl $0xC0100000; iretl");
}

void JumpIntoHostArea() {
  RemoveGate(kPageFault);
  asm volatile("jmp *%0" : : "r"(kHostArea));
}

void WriteIntoHostArea() {
  RemoveGate(kPageFault);
  *reinterpret_cast<volatile uint32_t*>(kHostArea) = 1;
}

void UseFpuSwitchedOff() {
  RemoveGate(kFpuNotAvailable);
  CallHost(Hypercall::kTs, 1);
  asm volatile("fninit");
}

void SingleStep() {
  constexpr uint32_t kDebug = 1;
  RemoveGate(kDebug);
  asm volatile("pushl $0x302; popfl; nop; nop");
}

// The host must push the frame of a ring 1 trap to an address without memory.
void WildStack() { asm volatile("movl %0, %%esp; int3" : : "i"(kPageOffset - kPageSize)); }

// Destroys the descriptor that every trap handler needs.
void WildGdt() {
  static const uint64_t kNothing[lguest::kGdtEntries] = {};
  CallHost(Hypercall::kLoadGdt, ToPhys(kNothing), lguest::kGdtEntries);
  asm volatile("int3");
}

// A page fault handler that faults endlessly.
void FaultStorm() {
  asm volatile(
      "movl %0, %%eax; movl $14, %%edx; movl $1f, %%ebx; movl %%ebx, %%ecx;"
      "andl $0xffff, %%ebx; orl $0x610000, %%ebx; andl $0xffff0000, %%ecx; orl $0x8f00, %%ecx;"
      "int $0x1f; movl %%esp, %%ebp;"
      "1: movl %%ebp, %%esp; movl 0x1234, %%eax; jmp 1b"
      :
      : "i"(Hypercall::kLoadIdtEntry));
}

void BadPageTableEntry() {
  const uint32_t page = AllocatePage();
  const uint32_t address = page + kPageOffset;
  SetPageTableEntry(KernelDirectory(), address, KernelPageTableEntry(address),
                    PageStart(kNoMemory) | kPagePresent | kPageWritable);
  *ToVirt<volatile uint32_t>(page) = 1;
}

void BadPageDirectoryEntry() {
  constexpr uint32_t kTable = 1;
  WriteOnce(ToVirt<uint32_t>(KernelDirectory())[kTable], PageStart(kNoMemory) | kPagePresent);
  CallHost(Hypercall::kSetPmd, KernelDirectory(), kTable);
  *reinterpret_cast<volatile uint32_t*>(kTable << 22) = 1;
}

// A trap at ring 3 while the ring 1 stack address is invalid.
void BadStackAddress() {
  constexpr uint32_t kNoStack = kPageOffset - kPageSize;
  AddressSpace space;
  space.Create();
  *space.Resolve(kUserHeap, /*write=*/true) = '\xcc';  // int3
  space.Activate();
  CallHost(Hypercall::kSetStack, lguest::kGuestKernelDs, kNoStack, 1);
  asm volatile("pushl %0; pushl %1; pushl $0x202; pushl %2; pushl %3; iretl"
               :
               : "i"(kUserDs), "i"(kUserStackTop), "i"(kUserCs), "i"(kUserHeap));
}

void BadDmaSection() {
  lguest::Dma dma = {};
  dma.addr[0] = kNoMemory;
  dma.len[0] = 2 * kPageSize;
  SendDma(0, dma);
}

struct Death {
  std::string_view cause;
  void (*die)();
};

constexpr Death kDeaths[] = {
    {"trap", UnhandledTrap},
    {"page-fault", UnhandledPageFault},
    {"privileged", PrivilegedInstruction},
    {"ring0", ReturnToRing0},
    {"host-area-jump", JumpIntoHostArea},
    {"host-area-write", WriteIntoHostArea},
    {"fpu", UseFpuSwitchedOff},
    {"single-step", SingleStep},
    {"wild-stack", WildStack},
    {"wild-gdt", WildGdt},
    {"storm", FaultStorm},
    {"pte", BadPageTableEntry},
    {"pde", BadPageDirectoryEntry},
    {"directory", [] { CallHost(Hypercall::kNewPgtable, kNoMemory); }},
    {"hypercall", [] { CallHost(static_cast<Hypercall>(99)); }},
    {"init-twice", [] { CallHost(Hypercall::kLguestInit, ToPhys(&lguest_data)); }},
    {"stack-segment", [] { CallHost(Hypercall::kSetStack, 0x68, 0, 1); }},
    {"stack-pages", [] { CallHost(Hypercall::kSetStack, lguest::kGuestKernelDs, 0, 3); }},
    {"stack-address", BadStackAddress},
    {"gate", [] { CallHost(Hypercall::kLoadIdtEntry, 5, 0x610000, 0x8500); }},
    {"gdt", [] { CallHost(Hypercall::kLoadGdt, 0, lguest::kGdtEntries + 1); }},
    {"gdt-address", [] { CallHost(Hypercall::kLoadGdt, kNoMemory, 1); }},
    {"tls-address", [] { CallHost(Hypercall::kLoadTls, kNoMemory); }},
    {"crash-address", [] { CallHost(Hypercall::kCrash, kNoMemory); }},
    {"ring",
     [] {
       CallHostLater(static_cast<Hypercall>(99));
       CallHost(Hypercall::kFlushAsync);
     }},
    {"dma-address", [] { CallHost(Hypercall::kSendDma, 0, kNoMemory); }},
    {"dma-section", BadDmaSection},
    {"bind-key", [] { CallHost(Hypercall::kBindDma, 2, ToPhys(&lguest_data), 0x101); }},
    {"dma-key", [] { CallHost(Hypercall::kSendDma, 2, ToPhys(&lguest_data)); }},
};

}  // namespace

void Die(std::string_view cause) {
  for (const Death& death : kDeaths) {
    if (death.cause != cause) continue;
    death.die();
    Crash(Text("survived ", cause).View());
  }
  Crash(Text("unknown cause: ", cause).View());
}

void Hang() {
  DisableInterrupts();
  for (;;) asm volatile("");
}

void FloodConsole() {
  for (uint32_t line = 1;; ++line) Print("flood line ", line, "\r\n");
}

}  // namespace guest
