#include "devices/testing/rewritten_page.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "launcher/guest/address.h"

namespace lguest {
namespace {

constexpr greg_t kTrapFlag = 0x100;

RewrittenPage* g_page = nullptr;
struct sigaction g_previous_fault;
struct sigaction g_previous_trap;

greg_t& Eflags(void* context) {
  return static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
}

void Protect(std::byte* page, int protection) {
  if (mprotect(page, kPageSize, protection) != 0) std::abort();
}

void Handle(int signal, void (*handler)(int, siginfo_t*, void*), struct sigaction* previous) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(signal, &action, previous);
}

}  // namespace

struct RewrittenPageHandlers {
  static void OnFault(int /*signal*/, siginfo_t* info, void* context) {
    const uintptr_t offset =
        reinterpret_cast<uintptr_t>(info->si_addr) - reinterpret_cast<uintptr_t>(g_page->page_);
    if (offset >= kPageSize) std::abort();  // a fault of the program under test
    g_page->offset_ = static_cast<uint32_t>(offset);
    Protect(g_page->page_, PROT_READ | PROT_WRITE);
    Eflags(context) |= kTrapFlag;
  }

  static void OnSingleStep(int /*signal*/, siginfo_t* /*info*/, void* context) {
    Eflags(context) &= ~kTrapFlag;
    ++g_page->accesses_;
    g_page->rewrite_(g_page->offset_);
    Protect(g_page->page_, PROT_NONE);
  }
};

RewrittenPage::RewrittenPage(std::byte* page, Rewrite rewrite)
    : page_(page), rewrite_(std::move(rewrite)) {
  if (g_page != nullptr) std::abort();
  g_page = this;
  Handle(SIGSEGV, RewrittenPageHandlers::OnFault, &g_previous_fault);
  Handle(SIGTRAP, RewrittenPageHandlers::OnSingleStep, &g_previous_trap);
  Protect(page_, PROT_NONE);
}

RewrittenPage::~RewrittenPage() {
  Protect(page_, PROT_READ | PROT_WRITE);
  sigaction(SIGSEGV, &g_previous_fault, nullptr);
  sigaction(SIGTRAP, &g_previous_trap, nullptr);
  g_page = nullptr;
}

}  // namespace lguest
