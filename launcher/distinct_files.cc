#include "launcher/distinct_files.h"

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/block/block_spec.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

struct Use {
  std::string text;  // for the message
  dev_t device;
  ino_t inode;
  bool writes;
};

class Uses {
 public:
  absl::Status Add(std::string text, const std::string& path, bool writes) {
    struct stat64 file;
    if (stat64(path.c_str(), &file) != 0) return absl::OkStatus();
    // Terminals, pipes and /dev/null may be shared.
    if (!S_ISREG(file.st_mode) && !S_ISBLK(file.st_mode)) return absl::OkStatus();
    Use use = {std::move(text), static_cast<dev_t>(file.st_dev), static_cast<ino_t>(file.st_ino),
               writes};
    for (const Use& other : uses_) {
      const bool is_same = other.device == use.device && other.inode == use.inode;
      if (is_same && (other.writes || writes)) {
        return absl::InvalidArgumentError(absl::StrFormat(
            "%s and %s are the same file: each needs a file of its own", other.text, use.text));
      }
    }
    uses_.push_back(std::move(use));
    return absl::OkStatus();
  }

 private:
  std::vector<Use> uses_;
};

}  // namespace

absl::Status CheckDistinctFiles(const Options& options) {
  Uses uses;
  RETURN_IF_ERROR(uses.Add(absl::StrCat("kernel ", options.kernel), options.kernel, false));
  for (const std::string& initrd : options.initrds) {
    RETURN_IF_ERROR(uses.Add(absl::StrCat("--initrd=", initrd), initrd, false));
  }
  for (const DeviceOption& option : options.devices) {
    if (!options.replay_file.empty()) break;  // opens no device
    if (const auto* const block = std::get_if<BlockSpec>(&option.spec)) {
      RETURN_IF_ERROR(uses.Add(option.text, block->path, !block->read_only));
    } else if (const auto* const net = std::get_if<SharedNetSpec>(&option.spec)) {
      RETURN_IF_ERROR(uses.Add(option.text, net->path, true));
    }
  }
  for (const auto& [name, file, writes] : {std::tuple("--stats=", &options.stats_file, true),
                                           std::tuple("--record=", &options.record_file, true),
                                           std::tuple("--script=", &options.script_file, true),
                                           std::tuple("--replay=", &options.replay_file, false)}) {
    if (!file->empty()) RETURN_IF_ERROR(uses.Add(absl::StrCat(name, *file), *file, writes));
  }
  return absl::OkStatus();
}

}  // namespace lguest
