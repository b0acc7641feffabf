#include "loader/load_guest.h"

#include <cstddef>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "loader/boot_params.h"
#include "loader/file.h"
#include "loader/kernel.h"
#include "loader/layout.h"
#include "loader/page_tables.h"

namespace lguest::loader {
namespace {

absl::Status CheckRamSize(const GuestMemory& memory, uint32_t ram_size) {
  if (ram_size != 0 && IsPageAligned(ram_size) && ram_size <= memory.size()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrFormat("%u bytes of RAM: a positive multiple of %u up to %u is needed", ram_size,
                      kPageSize, memory.size()));
}

// Initial RAM disks that the guest gets as one. The kernel unpacks archives that follow each other,
// and wants each at a multiple of 4 bytes.
class Initrd {
 public:
  static absl::StatusOr<Initrd> Open(const std::vector<std::string>& paths) {
    Initrd initrd;
    for (const std::string& path : paths) {
      ASSIGN_OR_RETURN(File file, File::Open(path));
      initrd.part_.name += absl::StrCat(initrd.files_.empty() ? "" : " + ", file.name());
      initrd.part_.size = AlignUp(initrd.part_.size) + file.size();
      initrd.files_.push_back(std::move(file));
    }
    return initrd;
  }

  const Part& part() const { return part_; }

  // Copies all to `address`. PlanLayout() has accepted part().
  absl::Status Write(GuestMemory& memory, GuestPhys address) const {
    ASSIGN_OR_RETURN(const std::span<std::byte> all,
                     memory.MutableRange(address, static_cast<uint32_t>(part_.size)));
    uint64_t start = 0;
    for (const File& file : files_) {
      start = AlignUp(start);
      RETURN_IF_ERROR(
          file.Read(all.subspan(static_cast<size_t>(start), static_cast<size_t>(file.size()))));
      start += file.size();
    }
    memory.NotifyWritten(address, static_cast<uint32_t>(part_.size));
    return absl::OkStatus();
  }

 private:
  static constexpr uint64_t kAlignment = 4;
  static constexpr uint64_t AlignUp(uint64_t size) {
    return (size + kAlignment - 1) / kAlignment * kAlignment;
  }

  std::vector<File> files_;
  Part part_;
};

}  // namespace

absl::StatusOr<LoadedGuest> LoadGuest(GuestMemory& memory, uint32_t ram_size,
                                      const GuestImage& image) {
  RETURN_IF_ERROR(CheckRamSize(memory, ram_size));
  RETURN_IF_ERROR(CheckCommandLine(image.command_line));

  ASSIGN_OR_RETURN(const File kernel_file, File::Open(image.kernel));
  ASSIGN_OR_RETURN(const Initrd initrd, Initrd::Open(image.initrds));
  const LoadTarget target = {.ram_size = ram_size, .initrd = initrd.part()};

  ASSIGN_OR_RETURN(LoadedKernel kernel, [&]() -> absl::StatusOr<LoadedKernel> {
    ASSIGN_OR_RETURN(const AnonymousMapping contents, kernel_file.ReadAll());
    return LoadKernel(memory, {kernel_file.name(), contents.bytes()}, target);
  }());

  const Layout& layout = kernel.layout;
  BootParams params{.ram_size = layout.ram_size,
                    .command_line = image.command_line,
                    .initrd = std::nullopt,
                    .starts_physical = kernel.abi->start != GuestStart::kVirtual,
                    .setup_header = std::move(kernel.setup_header)};
  if (initrd.part().size != 0) {
    RETURN_IF_ERROR(initrd.Write(memory, layout.initrd));
    params.initrd = {layout.initrd, static_cast<uint32_t>(initrd.part().size)};
  }
  RETURN_IF_ERROR(WritePageTables(memory, layout.page_tables));
  RETURN_IF_ERROR(WriteBootParams(memory, params));

  LoadedGuest guest{.abi = kernel.abi,
                    .page_directory = layout.page_tables.directory,
                    .entry = kernel.entry,
                    .page_offset = layout.page_tables.page_offset,
                    .ram_size = layout.ram_size,
                    .initrd = layout.initrd,
                    .initrd_size = static_cast<uint32_t>(initrd.part().size),
                    .contents = std::move(kernel.contents),
                    .notes = std::move(kernel.notes)};
  guest.contents.push_back({kBootParamsAddress, 2 * kPageSize});  // and the command line
  if (params.initrd.has_value()) guest.contents.push_back(*params.initrd);
  if (!layout.page_tables.exists) return guest;
  guest.contents.push_back(
      {layout.page_tables.tables, (layout.page_tables.table_count + 1) * kPageSize});
  guest.notes.push_back(absl::StrFormat(
      "Linear mapping of %u pages in %u pte pages at %#x", layout.page_tables.mapped_pages,
      layout.page_tables.table_count, layout.page_tables.tables.value()));
  return guest;
}

}  // namespace lguest::loader
