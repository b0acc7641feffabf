#include "hostsim/i386/page_walk.h"

#include <cstring>

namespace lguest::hostsim {
namespace {

constexpr uint32_t kPresent = 0x001;
constexpr uint32_t kWritable = 0x002;
constexpr uint32_t kUser = 0x004;
constexpr uint32_t kWriteThrough = 0x008;
constexpr uint32_t kAccessed = 0x020;
constexpr uint32_t kDirty = 0x040;
constexpr uint32_t kLargePage = 0x080;

constexpr uint32_t kFlags = 0xfff;
constexpr uint32_t kDirectoryFlags = 0x067;  // all that a directory entry may have

// One entry of a table. The caller has checked that its page lies in guest memory.
class Entry {
 public:
  Entry(GuestMemory& memory, uint32_t table, uint32_t index)
      : at_(memory.base() + table + index * sizeof(uint32_t)) {
    std::memcpy(&value_, at_, sizeof(value_));
  }

  uint32_t Value() const { return value_; }
  bool Has(uint32_t bits) const { return (value_ & bits) == bits; }
  uint32_t Frame() const { return value_ & ~kFlags; }

  void SetBits(uint32_t bits) {
    if (Has(bits)) return;
    value_ |= bits;
    std::memcpy(at_, &value_, sizeof(value_));
  }

 private:
  std::byte* const at_;
  uint32_t value_ = 0;
};

Translation Fault(uint32_t error_code) {
  Translation fault;
  fault.error_code = error_code;
  return fault;
}

Translation Bad(Translation::Result result) {
  Translation bad;
  bad.result = result;
  return bad;
}

}  // namespace

Translation WalkPageTables(GuestMemory& memory, GuestPhys directory, GuestVirt address,
                           Access access, bool user) {
  using Result = Translation::Result;
  const uint32_t virt = address.value();
  const uint32_t fault = (access == Access::kWrite ? kFaultWrite : 0) | (user ? kFaultUser : 0);

  const uint32_t root = PageAlignDown(directory.value());
  if (!memory.Contains(GuestPhys(root), kPageSize)) return Bad(Result::kBadDirectoryEntry);
  Entry pde(memory, root, virt >> 22);
  if (!pde.Has(kPresent)) return Fault(fault);
  if ((pde.Value() & kFlags & ~kDirectoryFlags) != 0 ||
      !memory.Contains(GuestPhys(pde.Frame()), kPageSize)) {
    return Bad(Result::kBadDirectoryEntry);
  }

  Entry pte(memory, pde.Frame(), (virt >> kPageShift) & 0x3ff);
  if (!pte.Has(kPresent)) return Fault(fault);
  if ((pte.Value() & (kWriteThrough | kLargePage)) != 0 ||
      !memory.Contains(GuestPhys(pte.Frame()), kPageSize)) {
    return Bad(Result::kBadTableEntry);
  }

  const uint32_t rights = pde.Value() & pte.Value();
  const bool may_write = (rights & kWritable) != 0;
  if ((user && (rights & kUser) == 0) || (access == Access::kWrite && !may_write)) {
    return Fault(fault | kFaultProtection);
  }

  pde.SetBits(kAccessed);
  pte.SetBits(access == Access::kWrite ? kAccessed | kDirty : kAccessed);
  // A page that is still clean has to come here again on its first write, to become dirty.
  return {.result = Result::kMapped,
          .frame = GuestPhys(pte.Frame()),
          .writable = may_write && pte.Has(kDirty),
          .error_code = 0};
}

}  // namespace lguest::hostsim
