#include "launcher/guest/guest_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/shared_pages.h"

namespace lguest {
namespace {

// With Placement::kIdentity guest memory starts at address 0. memcpy() may assume that no object is
// there; the string instructions make no such assumption. They also leave the vector registers
// alone, which would cost a trap right after a guest of /dev/lguest has run.
void Copy(void* to, const void* from, size_t len) {
  size_t words = len / sizeof(uint32_t);
  size_t rest = len % sizeof(uint32_t);
  asm volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
}

constexpr int kProtection = PROT_READ | PROT_WRITE;
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

// The start of the lowest mapping of this process.
std::optional<uint64_t> LowestMapping() {
  std::ifstream maps("/proc/self/maps");
  uint64_t start = 0;
  if (maps >> std::hex >> start) return start;
  return std::nullopt;
}

absl::Status DoesNotFit(uint32_t size) {
  std::string most;
  if (const std::optional<uint64_t> lowest = LowestMapping(); lowest.has_value()) {
    most = absl::StrFormat(", which leaves room for %u MB", *lowest >> 20);
  }
  return absl::ResourceExhaustedError(absl::StrFormat(
      "%u bytes of guest memory from address 0 do not fit below the launcher itself%s", size,
      most));
}

// Maps at a multiple of the huge page size and asks for huge pages. The kernel may ignore that.
void* MapForHugePages(uint32_t size) {
  constexpr size_t kHugePageSize = size_t{2} << 20;
  void* const map = mmap(nullptr, size + kHugePageSize, kProtection, kPrivate, -1, 0);
  if (map == MAP_FAILED) return map;
  const auto start = reinterpret_cast<uintptr_t>(map);
  const uintptr_t aligned = (start + kHugePageSize - 1) & ~(kHugePageSize - 1);
  if (aligned != start) munmap(map, aligned - start);
  const uintptr_t end = start + size + kHugePageSize;
  if (aligned + size != end) munmap(reinterpret_cast<void*>(aligned + size), end - aligned - size);
  madvise(reinterpret_cast<void*>(aligned), size, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

// Does not replace an existing mapping, which belongs to the launcher.
absl::Status MapFromZero(uint32_t size) {
  if (mmap(nullptr, kPageSize, kProtection, kPrivate | MAP_FIXED, -1, 0) == MAP_FAILED) {
    return ErrnoStatus(
        "mapping guest memory at address 0: only root can do that, or any "
        "user after `sysctl vm.mmap_min_addr=0`");
  }
  if (size == kPageSize) return absl::OkStatus();
  // A kernel before 4.17 does not know MAP_FIXED_NOREPLACE and treats the address as a hint.
  void* const wanted = reinterpret_cast<void*>(uintptr_t{kPageSize});
  void* const rest =
      mmap(wanted, size - kPageSize, kProtection, kPrivate | MAP_FIXED_NOREPLACE, -1, 0);
  if (rest == wanted) return absl::OkStatus();
  const int error = errno;
  if (rest != MAP_FAILED) munmap(rest, size - kPageSize);
  munmap(nullptr, kPageSize);
  if (rest != MAP_FAILED || error == EEXIST || error == ENOMEM) return DoesNotFit(size);
  return absl::ErrnoToStatus(
      error, absl::StrFormat("mapping %u bytes of guest memory from address 0", size));
}

}  // namespace

absl::StatusOr<std::unique_ptr<GuestMemory>> GuestMemory::Create(uint32_t size,
                                                                 Placement placement) {
  if (size == 0 || !IsPageAligned(size)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "guest memory of %u bytes: a positive multiple of %u is needed", size, kPageSize));
  }
  void* map = nullptr;
  if (placement == Placement::kIdentity) {
    RETURN_IF_ERROR(MapFromZero(size));
  } else {
    map = placement == Placement::kHugePages ? MapForHugePages(size)
                                             : mmap(nullptr, size, kProtection, kPrivate, -1, 0);
    if (map == MAP_FAILED) {
      return ErrnoStatusF("mapping %u bytes of guest memory", size);
    }
  }
  // Not make_unique: the constructor is private.
  return std::unique_ptr<GuestMemory>(new GuestMemory(reinterpret_cast<uintptr_t>(map), size));
}

GuestMemory::~GuestMemory() {
  for (std::byte* const page : shared_pages_) SharedPages::Remove(page);
  munmap(base(), size_);
}

void GuestMemory::Shrink(uint32_t size) {
  assert(size != 0 && IsPageAligned(size) && size <= size_);
  if (size != size_) munmap(At(GuestPhys(size)), size_ - size);
  size_ = size;
}

absl::Status GuestMemory::OutOfRange(const char* verb, GuestPhys addr, uint64_t len) {
  return absl::OutOfRangeError(
      absl::StrFormat("bad %s address 0x%x len %u", verb, addr.value(), len));
}

void GuestMemory::CopyOut(void* to, GuestPhys from, size_t len) const {
  if (base_ != 0 && len != 0) {
    std::memcpy(to, At(from), len);
  } else {
    Copy(to, At(from), len);
  }
}

void GuestMemory::CopyIn(GuestPhys to, const void* from, size_t len) {
  if (base_ != 0 && len != 0) {
    std::memcpy(At(to), from, len);
  } else {
    Copy(At(to), from, len);
  }
}

absl::Status GuestMemory::ReadBytes(GuestPhys addr, std::span<std::byte> bytes) const {
  if (!Contains(addr, bytes.size())) return OutOfRange("read", addr, bytes.size());
  CopyOut(bytes.data(), addr, bytes.size());
  return absl::OkStatus();
}

absl::Status GuestMemory::WriteBytes(GuestPhys addr, std::span<const std::byte> bytes) {
  if (!Contains(addr, bytes.size())) return OutOfRange("write", addr, bytes.size());
  CopyIn(addr, bytes.data(), bytes.size());
  NotifyWritten(addr, static_cast<uint32_t>(bytes.size()));
  return absl::OkStatus();
}

absl::StatusOr<std::span<const std::byte>> GuestMemory::Range(GuestPhys addr, uint32_t len) const {
  if (!Contains(addr, len)) return OutOfRange("read", addr, len);
  return std::span<const std::byte>(At(addr), len);
}

absl::Status GuestMemory::MapSharedPage(GuestPhys addr, int fd) {
  if (!IsPageAligned(addr.value()) || !Contains(addr, kPageSize)) {
    return OutOfRange("map", addr, kPageSize);
  }
  if (mmap(At(addr), kPageSize, kProtection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
    return ErrnoStatusF("sharing a page of a file at guest address 0x%x", addr.value());
  }
  RETURN_IF_ERROR(SharedPages::Add(At(addr)));
  shared_pages_.push_back(At(addr));
  NotifyWritten(addr, kPageSize);
  return absl::OkStatus();
}

bool GuestMemory::IsLost(GuestPhys addr) const { return SharedPages::IsLost(At(addr)); }

}  // namespace lguest
