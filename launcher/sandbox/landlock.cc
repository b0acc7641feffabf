#include "launcher/sandbox/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/unique_fd.h"

namespace lguest::sandbox {
namespace {

// struct landlock_ruleset_attr as Linux 6.12 has it. The pinned headers are older.
struct Ruleset {
  uint64_t files;
  uint64_t network;  // version 4
  uint64_t scopes;   // version 6
};

constexpr uint64_t Lowest(unsigned bits) { return (uint64_t{1} << bits) - 1; }

// All rights that a version of Landlock knows.
Ruleset RulesetOf(long version) {
  const unsigned files = version >= 5 ? 16 : version >= 3 ? 15 : version >= 2 ? 14 : 13;
  return {.files = Lowest(files),
          .network = version >= 4 ? Lowest(2) : 0,
          .scopes = version >= 6 ? Lowest(2) : 0};
}

// An older kernel refuses fields that it does not know, unless they are left out.
size_t SizeOf(long version) {
  return version >= 6   ? sizeof(Ruleset)
         : version >= 4 ? offsetof(Ruleset, scopes)
                        : offsetof(Ruleset, network);
}

absl::Status AllowRemoval(const UniqueFd& ruleset, const std::string& directory) {
  const UniqueFd fd(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus("opening ", directory);
  const landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_REMOVE_FILE,
                                           .parent_fd = fd.get()};
  if (syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return ErrnoStatus("sandbox: allowing removal from ", directory);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<long> LandlockVersion() {
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return absl::UnimplementedError("the kernel has no Landlock");
  return version;
}

absl::Status RestrictFiles(std::span<const std::string> directories) {
  ASSIGN_OR_RETURN(const long version, LandlockVersion());
  const Ruleset rights = RulesetOf(version);
  const UniqueFd ruleset(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &rights, SizeOf(version), 0)));
  if (!ruleset.valid()) return ErrnoStatus("sandbox: making a Landlock ruleset");
  for (const std::string& directory : directories) {
    RETURN_IF_ERROR(AllowRemoval(ruleset, directory));
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return ErrnoStatus("sandbox: entering a Landlock ruleset");
  }
  return absl::OkStatus();
}

}  // namespace lguest::sandbox
