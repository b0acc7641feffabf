// load_guest KERNEL
//
// Loads a kernel into guest memory. Prints the steps, or the error on standard error.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/guest/guest_memory.h"
#include "loader/load_guest.h"

namespace {

constexpr uint32_t kRam = 64u << 20;

absl::StatusOr<lguest::loader::LoadedGuest> Load(const char* kernel) {
  const absl::StatusOr<std::unique_ptr<lguest::GuestMemory>> memory =
      lguest::GuestMemory::Create(kRam);
  if (!memory.ok()) return memory.status();
  lguest::loader::GuestImage image;
  image.kernel = kernel;
  return LoadGuest(**memory, kRam, image);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: load_guest KERNEL\n", stderr);
    return 2;
  }
  const absl::StatusOr<lguest::loader::LoadedGuest> guest = Load(argv[1]);
  if (!guest.ok()) {
    std::fprintf(stderr, "%s\n", std::string(guest.status().message()).c_str());
    return 1;
  }
  for (const std::string& note : guest->notes) std::printf("%s\n", note.c_str());
  return 0;
}
