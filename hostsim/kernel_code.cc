#include "hostsim/kernel_code.h"

#include "hostsim/i386/page_walk.h"

namespace lguest::hostsim {

KernelCode::KernelCode(const GuestState& guest) {
  const Vcpu::AddressSpace space = guest.address_space();
  const PageTables tables = {.directory = guest.cpu.page_directory(),
                             .format = space.format,
                             .bad_table_entry_flags = space.bad_table_entry_flags};
  const uint32_t eip = guest.cpu.Get(Register::kEip);
  Translation page;
  for (; size_ < kLongest; ++size_) {
    const uint32_t address = eip + static_cast<uint32_t>(size_);
    if (size_ == 0 || address % kPageSize == 0) {
      page = WalkPageTables(guest.memory, tables, GuestVirt(address), Access::kExecute,
                            /*user=*/false);
    }
    if (page.result != Translation::Result::kMapped) break;
    bytes_[size_] =
        guest.memory.Fetch<uint8_t>(GuestPhys(page.frame.value() + address % kPageSize));
  }
}

}  // namespace lguest::hostsim
