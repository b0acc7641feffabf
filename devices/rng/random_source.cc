#include "devices/rng/random_source.h"

#include <fcntl.h>

#include <cstddef>
#include <utility>

#include "launcher/base/status_macros.h"
#include "launcher/base/unique_fd.h"
#include "launcher/base/vector_io.h"

namespace lguest {
namespace {

constexpr char kSource[] = "/dev/urandom";

class FileRandom final : public RandomSource {
 public:
  explicit FileRandom(UniqueFd file) : file_(std::move(file)) {}

  uint32_t Fill(std::span<const iovec> pieces) override {
    const ssize_t len = ReadVector(file_.get(), pieces.data(), static_cast<int>(pieces.size()));
    return len < 0 ? 0 : static_cast<uint32_t>(len);
  }

 private:
  const UniqueFd file_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RandomSource>> OpenKernelRandom() {
  UniqueFd file(open(kSource, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus("opening ", kSource);
  return std::make_unique<FileRandom>(std::move(file));
}

uint32_t SeededRandom::Fill(std::span<const iovec> pieces) {
  size_t filled = 0;
  for (const iovec& piece : pieces) {
    auto* const bytes = static_cast<std::byte*>(piece.iov_base);
    for (size_t i = 0; i < piece.iov_len; ++i) bytes[i] = static_cast<std::byte>(generator_());
    filled += piece.iov_len;
  }
  return static_cast<uint32_t>(filled);
}

}  // namespace lguest
