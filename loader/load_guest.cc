#include "loader/load_guest.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "loader/boot_params.h"
#include "loader/command_line.h"
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

// Guest memory is 32 bits wide; what does not fit into that is caught by the layout, which is not.
absl::Status MapInitrd(GuestMemory& memory, GuestPhys address, const File& file) {
  auto status = memory.MapFile(address, file.fd(), 0, static_cast<uint32_t>(file.size()));
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(file.name(), ": ", status.message()));
}

}  // namespace

absl::StatusOr<LoadedGuest> LoadGuest(GuestMemory& memory, uint32_t ram_size,
                                      const GuestImage& image) {
  if (auto status = CheckRamSize(memory, ram_size); !status.ok()) return status;
  if (auto status = CheckCommandLine(image.command_line); !status.ok()) return status;

  const absl::StatusOr<File> kernel_file = File::Open(image.kernel);
  if (!kernel_file.ok()) return kernel_file.status();
  LoadTarget target;
  target.ram_size = ram_size;
  std::optional<File> initrd;
  if (image.initrd.has_value()) {
    absl::StatusOr<File> file = File::Open(*image.initrd);
    if (!file.ok()) return file.status();
    initrd.emplace(*std::move(file));
    target.initrd = {.name = initrd->name(), .start = 0, .size = initrd->size()};
  }

  absl::StatusOr<LoadedKernel> kernel = [&]() -> absl::StatusOr<LoadedKernel> {
    const absl::StatusOr<FileView> view = kernel_file->Map();
    if (!view.ok()) return view.status();
    return LoadKernel(memory, {kernel_file->name(), view->bytes(), kernel_file->fd()}, target);
  }();
  if (!kernel.ok()) return kernel.status();

  const Layout& layout = kernel->layout;
  BootParams params{ram_size, image.command_line, std::nullopt};
  if (initrd.has_value()) {
    if (auto status = MapInitrd(memory, layout.initrd, *initrd); !status.ok()) return status;
    params.initrd = {layout.initrd, static_cast<uint32_t>(initrd->size())};
  }
  if (auto status = WritePageTables(memory, layout.page_tables); !status.ok()) return status;
  if (auto status = WriteBootParams(memory, params); !status.ok()) return status;

  LoadedGuest guest{.page_directory = layout.page_tables.directory,
                    .entry = kernel->entry,
                    .page_offset = layout.page_tables.page_offset,
                    .notes = std::move(kernel->notes)};
  guest.notes.push_back(absl::StrFormat(
      "Linear mapping of %u pages in %u pte pages at %#x", layout.page_tables.mapped_pages,
      layout.page_tables.table_count, layout.page_tables.tables.value()));
  return guest;
}

}  // namespace lguest::loader
