#include "hostsim/softcpu/differential/native_cpu.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "absl/status/status.h"

// Data shared by the assembly and the signal handler. There is one instance, because signal
// handlers are global.
extern "C" {
struct LguestFarPointer {
  uint32_t offset;
  uint16_t selector;
} __attribute__((packed));
LguestFarPointer native_entry;
uint64_t native_stack;
void NativeEnter(const uint32_t* regs_and_eflags);
void NativeLeave();
}

// NativeEnter() loads all registers and jumps to the code. The handler of the signal that ends the
// code continues at NativeLeave, which returns to the caller.
asm(R"(
        .text
        .globl NativeEnter
        .type NativeEnter, @function
NativeEnter:
        pushq %rbx
        pushq %rbp
        pushq %r12
        pushq %r13
        pushq %r14
        pushq %r15
        movq %rsp, native_stack(%rip)
        movl $0x2b, %eax
        movl %eax, %ds
        movl %eax, %es
        movl 32(%rdi), %eax
        pushq %rax
        popfq
        movl 0(%rdi), %eax
        movl 4(%rdi), %ecx
        movl 8(%rdi), %edx
        movl 12(%rdi), %ebx
        movl 16(%rdi), %esp
        movl 20(%rdi), %ebp
        movl 24(%rdi), %esi
        movl 28(%rdi), %edi
        ljmp *native_entry(%rip)
        .globl NativeLeave
        .type NativeLeave, @function
NativeLeave:
        fninit
        popq %r15
        popq %r14
        popq %r13
        popq %r12
        popq %rbp
        popq %rbx
        ret
        .size NativeEnter, . - NativeEnter
)");

namespace lguest::hostsim {
namespace {

constexpr uint16_t kCode32 = 0x23;  // __USER32_CS
constexpr greg_t kCode64 = 0x33;    // __USER_CS
constexpr uint32_t kDefaultMxcsr = 0x1f80;
constexpr int kSignals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP};

Outcome last_outcome;
bool entered_code = false;  // the last run reached 32-bit code

// Indices into `gregs`, in the order of the instruction encoding.
constexpr int kGregs[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI};

void OnSignal(int signal_number, siginfo_t* /*info*/, void* context) {
  constexpr greg_t kSelectorMask = 0xffff;
  constexpr greg_t kPlainEflags = 0x202;
  mcontext_t& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  greg_t* const gregs = machine.gregs;
  entered_code = (gregs[REG_CSGSFS] & kSelectorMask) == kCode32;
  const auto rip = static_cast<uintptr_t>(gregs[REG_RIP]);
  const bool in_entry = rip >= reinterpret_cast<uintptr_t>(&NativeEnter) &&
                        rip < reinterpret_cast<uintptr_t>(&NativeLeave);
  if (!entered_code && !in_entry) {  // the fault is not in the code under test
    signal(signal_number, SIG_DFL);
    return;
  }
  for (size_t i = 0; i < last_outcome.cpu.regs.size(); ++i) {
    last_outcome.cpu.regs[i] = static_cast<uint32_t>(gregs[kGregs[i]]);
  }
  last_outcome.cpu.eip = static_cast<uint32_t>(gregs[REG_RIP]);
  last_outcome.cpu.eflags = static_cast<uint32_t>(gregs[REG_EFL]);
  last_outcome.vector = static_cast<uint32_t>(gregs[REG_TRAPNO]);
  last_outcome.error_code = static_cast<uint32_t>(gregs[REG_ERR]);
  last_outcome.cr2 = static_cast<uint32_t>(gregs[REG_CR2]);
  last_outcome.fpu = DecodeFxsave(reinterpret_cast<const uint8_t*>(machine.fpregs));

  machine.fpregs->mxcsr = kDefaultMxcsr;
  gregs[REG_RIP] = static_cast<greg_t>(reinterpret_cast<uintptr_t>(&NativeLeave));
  gregs[REG_RSP] = static_cast<greg_t>(native_stack);
  gregs[REG_EFL] = kPlainEflags;
  gregs[REG_CSGSFS] = (gregs[REG_CSGSFS] & ~kSelectorMask) | kCode64;
}

void InstallHandlers() {
  alignas(16) static std::array<std::byte, 65536> stack;
  stack_t alternate = {};
  alternate.ss_sp = stack.data();
  alternate.ss_size = stack.size();
  sigaltstack(&alternate, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = &OnSignal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int number : kSignals) sigaction(number, &action, nullptr);
}

constexpr size_t kPages = kCodePages + kDataPages + kStackPages;

void* At(uint32_t address) { return reinterpret_cast<void*>(uintptr_t{address}); }

// The addresses of the pages in 32-bit code, in the order of the pages in the file. All are
// executable: an i386 page table entry cannot forbid execution.
struct View {
  uint32_t address;
  uint32_t pages;
  int protection;
};
constexpr View kViews[] = {
    {kCodeAddress, kCodePages, PROT_READ | PROT_EXEC},
    {kDataAddress, kWritableDataPages, PROT_READ | PROT_WRITE | PROT_EXEC},
    {kDataAddress + kWritableDataPages * kPage, kDataPages - kWritableDataPages,
     PROT_READ | PROT_EXEC},
    {kStackAddress, kStackPages, PROT_READ | PROT_WRITE | PROT_EXEC},
};

// MAP_POPULATE, because a page fault on a page that the kernel has not mapped yet has another error
// code.
bool MapViews(int fd) {
  off_t offset = 0;
  for (const View& view : kViews) {
    const size_t len = size_t{view.pages} * kPage;
    if (mmap(At(view.address), len, view.protection,
             MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, offset) != At(view.address)) {
      return false;
    }
    offset += static_cast<off_t>(len);
  }
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NativeCpu>> NativeCpu::Create() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return absl::UnavailableError("a sanitizer keeps its data in memory that 32-bit code can reach");
#endif
  const int fd = memfd_create("lguest_differential", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, kPages * kPage) != 0) {
    return absl::UnavailableError("cannot create memory that can be mapped twice");
  }
  void* const pages = mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const bool mapped = pages != MAP_FAILED && MapViews(fd);
  close(fd);
  if (!mapped) return absl::UnavailableError("the low addresses of this process are in use");
  std::unique_ptr<NativeCpu> cpu(new NativeCpu(static_cast<uint8_t*>(pages)));
  InstallHandlers();
  cpu->code()[0] = 0x0f;  // ud2
  cpu->code()[1] = 0x0b;
  CpuState start;
  start.eip = kCodeAddress;
  if (const Outcome outcome = cpu->Run(start); !entered_code || outcome.cpu.eip != kCodeAddress) {
    return absl::UnavailableError("the kernel of this machine does not run 32-bit code");
  }
  return cpu;
}

NativeCpu::~NativeCpu() {
  for (const View& view : kViews) munmap(At(view.address), size_t{view.pages} * kPage);
  munmap(pages_, kPages * kPage);
}

std::span<uint8_t> NativeCpu::code() { return {pages_, size_t{kCodePages} * kPage}; }

std::span<uint8_t> NativeCpu::data() {
  return {pages_ + size_t{kCodePages} * kPage, size_t{kDataPages} * kPage};
}

std::span<uint8_t> NativeCpu::stack() {
  return {pages_ + size_t{kCodePages + kDataPages} * kPage, size_t{kStackPages} * kPage};
}

Outcome NativeCpu::Run(const CpuState& start) {
  std::array<uint32_t, 9> registers;
  std::memcpy(registers.data(), start.regs.data(), sizeof(start.regs));
  registers[8] = start.eflags;
  native_entry = {.offset = start.eip, .selector = kCode32};
  NativeEnter(registers.data());
  return last_outcome;
}

}  // namespace lguest::hostsim
