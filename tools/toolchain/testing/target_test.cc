// Tests what the project assumes about the toolchain, on x86-64 and i386. It uses no test
// framework, because a framework would have to be built for i386 too.

#include <libelf.h>
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <string_view>
#include <type_traits>

#include "absl/strings/string_view.h"

// clang-tidy reads this file with clang.
#ifndef __clang__
static_assert(__GNUC__ == 12);
#endif
static_assert(__cplusplus == 202002L);
static_assert(std::is_same_v<absl::string_view, std::string_view>);

namespace {

// A static i386 program must leave all lower addresses to the guest.
constexpr uintptr_t kLauncherBase = 0xb8000000;

bool IsLinkedAtLauncherBase(const void* anything) {
  return sizeof(void*) != 4 || reinterpret_cast<uintptr_t>(anything) >= kLauncherBase;
}

bool Expect(bool holds, const char* what) {
  if (!holds) std::fprintf(stderr, "FAILED: %s\n", what);
  return holds;
}

}  // namespace

int main() {
  static const char kInImage = 0;
  bool good = Expect(IsLinkedAtLauncherBase(&kInImage), "the program is linked at 0xb8000000");
  good &= Expect(crc32(0, reinterpret_cast<const Bytef*>("123456789"), 9) == 0xcbf43926,
                 "crc32 of zlib");
  good &= Expect(elf_version(EV_CURRENT) != EV_NONE, "libelf knows the current version");
  return good ? 0 : 1;
}
