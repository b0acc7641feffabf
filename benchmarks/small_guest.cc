#include "benchmarks/small_guest.h"

#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "hostsim/softcpu/soft_cpu.h"
#include "launcher/host/host.h"
#include "loader/load_guest.h"
#include "testdata/images/bytes.h"
#include "testdata/images/elf_builder.h"
#include "testdata/images/temp_file.h"

namespace lguest {
namespace {

// A kernel that contains only `code`. The 13 bytes of magic come before the entry.
testdata::Bytes Kernel(std::span<const uint8_t> code) {
  testdata::Bytes text = testdata::FromString("...GenuineLguest");
  testdata::Append(text, std::as_bytes(code));
  testdata::ElfSegment segment;
  segment.virtual_address = SmallGuest::kPageOffset + 0x100000;
  segment.physical_address = 0x100000;
  segment.data = std::move(text);
  return testdata::ElfBuilder().Segment(std::move(segment)).Build();
}

}  // namespace

absl::StatusOr<std::unique_ptr<hostsim::Vcpu>> MakeSoftCpu(GuestMemory& memory) {
  return hostsim::SoftCpu::Create(memory);
}

absl::StatusOr<std::unique_ptr<hostsim::Vcpu>> MakeCountedSoftCpu(GuestMemory& memory) {
  return hostsim::SoftCpu::Create(memory, {.counts_instructions = true});
}

SmallGuest::SmallGuest(CpuFactory make_cpu, std::span<const uint8_t> code,
                       std::unique_ptr<Device> device) {
  std::vector<std::unique_ptr<Device>> devices;
  if (device != nullptr) devices.push_back(std::move(device));
  const uint32_t size = kRam + DeviceBus::PagesNeeded(devices) * kPageSize;
  memory_ = GuestMemory::Create(size).value();
  const testdata::TempFile kernel(Kernel(code));
  const auto loaded = loader::LoadGuest(*memory_, kRam, {kernel.path(), {}, ""}).value();
  cpu_ = make_cpu(*memory_).value();
  clock_ = hostsim::NewRealClock().value();
  host_ = std::make_unique<hostsim::SoftwareHost>(*memory_, *cpu_, *clock_);
  bus_ = DeviceBus::Create(*memory_, *host_, GuestPhys(kRam), std::move(devices)).value();
  const BootState boot = {.pfn_limit = size / kPageSize,
                          .page_directory = loaded.page_directory,
                          .entry = loaded.entry,
                          .page_offset = loaded.page_offset};
  if (loaded.entry.value() != kCode || !host_->Initialize(boot).ok()) std::abort();
}

}  // namespace lguest
