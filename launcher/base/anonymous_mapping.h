// Private zero-filled memory from mmap().

#ifndef LAUNCHER_BASE_ANONYMOUS_MAPPING_H_
#define LAUNCHER_BASE_ANONYMOUS_MAPPING_H_

#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "launcher/base/status_macros.h"

namespace lguest {

// Owns a mapping and unmaps it on destruction. A page uses memory only after its first write
// (MAP_NORESERVE), so a mapping may be larger than what will be written.
class AnonymousMapping {
 public:
  // `size`: bytes, > 0. Returns the errno of mmap() as a status when the kernel refuses.
  static absl::StatusOr<AnonymousMapping> Create(size_t size) {
    void* const map = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) return ErrnoStatusF("mapping %u bytes of memory", size);
    return AnonymousMapping(std::span(static_cast<std::byte*>(map), size));
  }

  AnonymousMapping() = default;  // no memory
  AnonymousMapping(AnonymousMapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  AnonymousMapping& operator=(AnonymousMapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~AnonymousMapping() {
    if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
  }

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit AnonymousMapping(std::span<std::byte> bytes) : bytes_(bytes) {}

  std::span<std::byte> bytes_;
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_ANONYMOUS_MAPPING_H_
