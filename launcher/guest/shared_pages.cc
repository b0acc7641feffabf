#include "launcher/guest/shared_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string_view>

#include "absl/strings/str_format.h"
#include "launcher/base/deadly_signals.h"
#include "launcher/base/vector_io.h"
#include "launcher/guest/address.h"

namespace lguest {
namespace {

struct Entry {
  std::atomic<std::byte*> page = nullptr;
  std::atomic<bool> is_lost = false;
};

// For the handler, which can only use globals.
std::array<Entry, SharedPages::kMost> g_entries;
static_assert(std::atomic<std::byte*>::is_always_lock_free);

struct sigaction g_previous = {};  // handles every other SIGBUS

Entry* Find(const std::byte* page) {
  const auto found = std::find_if(g_entries.begin(), g_entries.end(),
                                  [=](const Entry& entry) { return entry.page == page; });
  return found == g_entries.end() ? nullptr : &*found;
}

void OnBusError(int signal, siginfo_t* info, void* /*context*/) {
  const int saved_errno = errno;
  auto* const page = reinterpret_cast<std::byte*>(reinterpret_cast<uintptr_t>(info->si_addr) &
                                                  ~uintptr_t{kPageSize - 1});
  Entry* const entry = page == nullptr ? nullptr : Find(page);
  if (entry == nullptr || mmap(page, kPageSize, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
    if ((g_previous.sa_flags & SA_SIGINFO) == 0 && g_previous.sa_handler != SIG_DFL &&
        g_previous.sa_handler != SIG_IGN) {
      g_previous.sa_handler(signal);
      return;
    }
    DeadlySignalAction::RunAll();
    struct sigaction action = {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
    return;  // the access is repeated and ends the process
  }
  entry->is_lost = true;
  constexpr std::string_view kMessage =
      "lguest: the file of a shared network was truncated: this network has ended\n";
  [[maybe_unused]] const ssize_t written =
      WriteBytes(STDERR_FILENO, kMessage.data(), kMessage.size());
  errno = saved_errno;
}

}  // namespace

absl::Status SharedPages::Add(std::byte* page) {
  Entry* const entry = Find(nullptr);
  if (entry == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("more than %u pages of files are shared", kMost));
  }
  entry->is_lost = false;
  entry->page = page;
  struct sigaction action = {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  struct sigaction previous = {};
  sigaction(SIGBUS, &action, &previous);
  if (previous.sa_sigaction != OnBusError) g_previous = previous;
  return absl::OkStatus();
}

void SharedPages::Remove(std::byte* page) {
  if (Entry* const entry = Find(page); entry != nullptr) entry->page = nullptr;
}

bool SharedPages::IsLost(const std::byte* page) {
  const Entry* const entry = Find(page);
  return entry != nullptr && entry->is_lost;
}

bool SharedPages::Repair() {
  const auto lost = [] {
    return std::count_if(g_entries.begin(), g_entries.end(),
                         [](const Entry& entry) { return entry.page != nullptr && entry.is_lost; });
  };
  const auto before = lost();
  for (const Entry& entry : g_entries) {
    const volatile std::byte* const page = entry.page;
    if (page != nullptr) static_cast<void>(*page);
  }
  return lost() != before;
}

}  // namespace lguest
