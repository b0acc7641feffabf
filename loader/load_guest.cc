#include "loader/load_guest.h"

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

// The cast to 32 bits is safe: PlanLayout() has refused an initrd that exceeds guest memory.
absl::Status MapInitrd(GuestMemory& memory, GuestPhys address, const File& file) {
  auto status = memory.MapFile(address, file.fd(), 0, static_cast<uint32_t>(file.size()));
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(file.name(), ": ", status.message()));
}

}  // namespace

absl::StatusOr<LoadedGuest> LoadGuest(GuestMemory& memory, uint32_t ram_size,
                                      const GuestImage& image) {
  RETURN_IF_ERROR(CheckRamSize(memory, ram_size));
  RETURN_IF_ERROR(CheckCommandLine(image.command_line));

  ASSIGN_OR_RETURN(const File kernel_file, File::Open(image.kernel));
  LoadTarget target;
  target.ram_size = ram_size;
  std::optional<File> initrd;
  if (image.initrd.has_value()) {
    ASSIGN_OR_RETURN(File file, File::Open(*image.initrd));
    initrd.emplace(std::move(file));
    target.initrd = {.name = initrd->name(), .start = 0, .size = initrd->size()};
  }

  ASSIGN_OR_RETURN(LoadedKernel kernel, [&]() -> absl::StatusOr<LoadedKernel> {
    ASSIGN_OR_RETURN(const FileView view, kernel_file.Map());
    return LoadKernel(memory, {kernel_file.name(), view.bytes(), kernel_file.fd()}, target);
  }());

  const Layout& layout = kernel.layout;
  BootParams params{ram_size, image.command_line, std::nullopt};
  if (initrd.has_value()) {
    RETURN_IF_ERROR(MapInitrd(memory, layout.initrd, *initrd));
    params.initrd = {layout.initrd, static_cast<uint32_t>(initrd->size())};
  }
  RETURN_IF_ERROR(WritePageTables(memory, layout.page_tables));
  RETURN_IF_ERROR(WriteBootParams(memory, params));

  LoadedGuest guest{.page_directory = layout.page_tables.directory,
                    .entry = kernel.entry,
                    .page_offset = layout.page_tables.page_offset,
                    .notes = std::move(kernel.notes)};
  guest.notes.push_back(absl::StrFormat(
      "Linear mapping of %u pages in %u pte pages at %#x", layout.page_tables.mapped_pages,
      layout.page_tables.table_count, layout.page_tables.tables.value()));
  return guest;
}

}  // namespace lguest::loader
