// The only way to touch guest memory.

#ifndef LAUNCHER_GUEST_GUEST_MEMORY_H_
#define LAUNCHER_GUEST_GUEST_MEMORY_H_

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/guest/address.h"

namespace lguest {

// Is told of every change that the launcher makes to guest memory. A CPU that caches translated
// code needs this.
class WriteObserver {
 public:
  virtual ~WriteObserver() = default;

  // `len` > 0 bytes at `addr` have changed. Called on the thread that wrote them.
  virtual void OnWrite(GuestPhys addr, uint32_t len) = 0;
};

// RAM and device pages of one guest: guest-physical 0 to size(), zero-filled, private to this
// process.
//
// Every address and length from the guest is wrong until checked here. All checks are exact (a
// range that ends at the top is valid) and cannot wrap around. The guest, or another guest that
// shares a page with it, may change memory at any time: copy once, check the copy, use the copy.
//
//   absl::StatusOr<Dma> dma = memory.Read<Dma>(addr);  // guest-controlled
//   if (!dma.ok()) return dma.status();
//
// Not thread-safe: belongs to the thread that runs the guest.
class GuestMemory {
 public:
  enum class Placement {
    kAnywhere,   // at an address that the kernel chooses
    kHugePages,  // the same, on huge pages where the kernel has them: faster with nested paging,
                 // but more of the memory is in use
    kIdentity,  // launcher address == guest-physical address, from 0: the real /dev/lguest needs it
  };

  // `size`: bytes, a multiple of the page size, more than 0. Fails with InvalidArgument on another
  // size, with ResourceExhausted or PermissionDenied if the kernel refuses the mapping.
  static absl::StatusOr<std::unique_ptr<GuestMemory>> Create(
      uint32_t size, Placement placement = Placement::kAnywhere);

  ~GuestMemory();
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  // Bytes, device pages included: the exclusive limit of guest-physical addresses.
  uint32_t size() const { return size_; }

  // Gives up the end of the memory. `size`: as in Create(), at most size(). Before anybody else
  // keeps the address or the size.
  void Shrink(uint32_t size);

  bool Contains(GuestPhys addr, uint64_t len) const {
    return addr.value() <= size_ && len <= size_ - addr.value();
  }

  // Copies one object in or out. OutOfRange, with address and length, unless all of it lies in
  // guest memory.
  template <typename T>
  absl::StatusOr<T> Read(GuestPhys addr) const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!Contains(addr, sizeof(T))) return OutOfRange("read", addr, sizeof(T));
    return Fetch<T>(addr);
  }

  // The same for an object that is known to lie in guest memory, because Contains() has returned
  // true for it. Reads a value of 1, 2 or 4 bytes by one instruction.
  template <typename T>
  T Fetch(GuestPhys addr) const {
    static_assert(std::is_trivially_copyable_v<T>);
    assert(Contains(addr, sizeof(T)));
    if constexpr (kIsWord<T>) {
      return std::bit_cast<T>(Load<WordOf<T>>(addr));
    } else {
      T value;
      CopyOut(&value, addr, sizeof(T));
      return value;
    }
  }

  template <typename T>
  absl::Status Write(GuestPhys addr, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!Contains(addr, sizeof(T))) return OutOfRange("write", addr, sizeof(T));
    if constexpr (kIsWord<T>) {
      Store(addr, std::bit_cast<WordOf<T>>(value));
    } else {
      CopyIn(addr, &value, sizeof(T));
    }
    NotifyWritten(addr, sizeof(T));
    return absl::OkStatus();
  }

  // Writes a word that is known to lie in guest memory, without a call of the observer: for a CPU
  // that sets the accessed and dirty bits of page table entries.
  void StoreUnobserved(GuestPhys addr, uint32_t value) {
    assert(Contains(addr, sizeof(value)));
    Store(addr, value);
  }

  // The same for `bytes.size()` bytes. Zero bytes are always in range.
  absl::Status ReadBytes(GuestPhys addr, std::span<std::byte> bytes) const;
  absl::Status WriteBytes(GuestPhys addr, std::span<const std::byte> bytes);

  // Guest memory itself, for system calls that move many bytes. Its contents may change at any
  // time. The caller that fills a mutable range calls NotifyWritten() for the bytes it has filled.
  absl::StatusOr<std::span<const std::byte>> Range(GuestPhys addr, uint32_t len) const;
  absl::StatusOr<std::span<std::byte>> MutableRange(GuestPhys addr, uint32_t len) {
    if (!Contains(addr, len)) return OutOfRange("write", addr, len);
    return std::span<std::byte>(At(addr), len);
  }
  void NotifyWritten(GuestPhys addr, uint32_t len) {
    if (observer_ != nullptr && len != 0) observer_->OnWrite(addr, len);
  }
  bool is_observed() const { return observer_ != nullptr; }

  // Maps the first page of `fd` to `addr` (page-aligned), shared: what is written there reaches the
  // file and every other process that maps it. If somebody truncates the file, a private page takes
  // its place (see SharedPages). ResourceExhausted if there are too many such pages.
  absl::Status MapSharedPage(GuestPhys addr, int fd);

  // True if the page that was mapped to `addr` is no longer shared.
  bool IsLost(GuestPhys addr) const;

  // Registers the observer; nullptr removes it. The caller removes it before destroying it.
  void set_write_observer(WriteObserver* observer) { observer_ = observer; }

  // The address of guest-physical 0 in this process: for a CPU that maps guest memory, for the
  // pieces of a checked DmaChain, and for statistics. nullptr with Placement::kIdentity.
  std::byte* base() const { return reinterpret_cast<std::byte*>(base_); }

 private:
  GuestMemory(uintptr_t base, uint32_t size) : base_(base), size_(size) {}

  static absl::Status OutOfRange(const char* verb, GuestPhys addr, uint64_t len);

  std::byte* At(GuestPhys addr) const { return reinterpret_cast<std::byte*>(base_ + addr.value()); }

  // Moves one word by one instruction, at any alignment, and also at address 0, where C++ allows no
  // object.
  template <typename T>
  static constexpr bool kIsWord = sizeof(T) == sizeof(uint8_t) || sizeof(T) == sizeof(uint16_t) ||
                                  sizeof(T) == sizeof(uint32_t);
  template <typename T>
  using WordOf =
      std::conditional_t<sizeof(T) == sizeof(uint8_t), uint8_t,
                         std::conditional_t<sizeof(T) == sizeof(uint16_t), uint16_t, uint32_t>>;
  template <typename Word>
  using AnyAligned [[gnu::aligned(1), gnu::may_alias]] = Word;
  template <typename Word>
  Word Load(GuestPhys addr) const {
    Word value = 0;
    asm volatile("mov %1, %0" : "=q"(value) : "m"(*reinterpret_cast<AnyAligned<Word>*>(At(addr))));
    return value;
  }
  template <typename Word>
  void Store(GuestPhys addr, Word value) {
    asm volatile("mov %1, %0" : "=m"(*reinterpret_cast<AnyAligned<Word>*>(At(addr))) : "q"(value));
  }

  void CopyOut(void* to, GuestPhys from, size_t len) const;
  void CopyIn(GuestPhys to, const void* from, size_t len);

  const uintptr_t base_;  // 0 with Placement::kIdentity
  uint32_t size_;
  WriteObserver* observer_ = nullptr;
  std::vector<std::byte*> shared_pages_;
};

}  // namespace lguest

#endif  // LAUNCHER_GUEST_GUEST_MEMORY_H_
