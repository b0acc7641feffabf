#include "launcher/guest/guest_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"

namespace lguest {
namespace {

// With Placement::kIdentity guest memory starts at address 0, where the language knows no objects
// and memcpy() may assume that nobody points; the string instruction copies from and to there like
// anywhere else.
void Copy(void* to, const void* from, size_t len) {
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
}

}  // namespace

absl::StatusOr<std::unique_ptr<GuestMemory>> GuestMemory::Create(uint32_t size,
                                                                 Placement placement) {
  if (size == 0 || !IsPageAligned(size)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "guest memory of %u bytes: a positive multiple of %u is needed", size, kPageSize));
  }
  const bool identity = placement == Placement::kIdentity;
  void* const map =
      mmap(nullptr, size, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (identity ? MAP_FIXED : 0), -1, 0);
  if (map == MAP_FAILED) {
    return absl::ErrnoToStatus(
        errno,
        absl::StrFormat("mapping %u bytes of guest memory%s", size,
                        identity ? " at address 0 (root and vm.mmap_min_addr=0 are needed)" : ""));
  }
  // Not make_unique: the constructor is private.
  return std::unique_ptr<GuestMemory>(new GuestMemory(reinterpret_cast<uintptr_t>(map), size));
}

GuestMemory::~GuestMemory() { munmap(base(), size_); }

absl::Status GuestMemory::OutOfRange(const char* verb, GuestPhys addr, uint64_t len) {
  return absl::OutOfRangeError(
      absl::StrFormat("bad %s address 0x%x len %u", verb, addr.value(), len));
}

void GuestMemory::CopyOut(void* to, GuestPhys from, size_t len) const {
  if (base_ != 0) {
    std::memcpy(to, At(from), len);
  } else {
    Copy(to, At(from), len);
  }
}

absl::Status GuestMemory::ReadBytes(GuestPhys addr, std::span<std::byte> bytes) const {
  if (!Contains(addr, bytes.size())) return OutOfRange("read", addr, bytes.size());
  Copy(bytes.data(), At(addr), bytes.size());
  return absl::OkStatus();
}

absl::Status GuestMemory::WriteBytes(GuestPhys addr, std::span<const std::byte> bytes) {
  if (!Contains(addr, bytes.size())) return OutOfRange("write", addr, bytes.size());
  Copy(At(addr), bytes.data(), bytes.size());
  NotifyWritten(addr, static_cast<uint32_t>(bytes.size()));
  return absl::OkStatus();
}

absl::StatusOr<std::span<const std::byte>> GuestMemory::Range(GuestPhys addr, uint32_t len) const {
  if (!Contains(addr, len)) return OutOfRange("read", addr, len);
  return std::span<const std::byte>(At(addr), len);
}

absl::StatusOr<std::span<std::byte>> GuestMemory::MutableRange(GuestPhys addr, uint32_t len) {
  if (!Contains(addr, len)) return OutOfRange("write", addr, len);
  return std::span<std::byte>(At(addr), len);
}

void GuestMemory::NotifyWritten(GuestPhys addr, uint32_t len) {
  if (observer_ != nullptr && len != 0) observer_->OnWrite(addr, len);
}

absl::Status GuestMemory::MapFile(GuestPhys addr, int fd, uint64_t offset, uint32_t len) {
  if (!IsPageAligned(addr.value()) || offset % kPageSize != 0 || len == 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("mapping %u bytes from offset %u to guest address 0x%x: not whole pages",
                        len, offset, addr.value()));
  }
  const uint64_t mapped = PageAlignUp(len);
  if (!Contains(addr, mapped)) return OutOfRange("map", addr, mapped);
  // mmap64(): an off_t of i386 would cut the offset.
  if (mmap64(At(addr), static_cast<size_t>(mapped), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
             fd, static_cast<off64_t>(offset)) == MAP_FAILED) {
    return absl::ErrnoToStatus(
        errno,
        absl::StrFormat("mapping %u bytes of a file to guest address 0x%x", len, addr.value()));
  }
  NotifyWritten(addr, static_cast<uint32_t>(mapped));
  return absl::OkStatus();
}

absl::Status GuestMemory::MapSharedPage(GuestPhys addr, int fd) {
  if (!IsPageAligned(addr.value()) || !Contains(addr, kPageSize)) {
    return OutOfRange("map", addr, kPageSize);
  }
  if (mmap(At(addr), kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
      MAP_FAILED) {
    return absl::ErrnoToStatus(
        errno, absl::StrFormat("sharing a page of a file at guest address 0x%x", addr.value()));
  }
  NotifyWritten(addr, kPageSize);
  return absl::OkStatus();
}

}  // namespace lguest
