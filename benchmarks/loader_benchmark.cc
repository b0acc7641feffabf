// The cost of the loader's work, each part beside its limit.
//
//   scanning a file without a payload   beside memchr() over the file     (bound: 1 GB/s)
//   loading a 64 MB ELF kernel          beside one read() of the file     (bound: twice its cost)

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "benchmark/benchmark.h"
#include "launcher/guest/guest_memory.h"
#include "loader/compression_formats.h"
#include "loader/file.h"
#include "loader/kernel.h"
#include "loader/load_guest.h"
#include "testdata/images/bytes.h"
#include "testdata/images/elf_builder.h"
#include "testdata/images/temp_file.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;

constexpr size_t kMegabyte = size_t{1} << 20;

// Noise looks to the scanner like a compressed payload of another format.
const Bytes& FileWithoutPayload() {
  static const auto* const kFile = new Bytes(testdata::Noise(64 * kMegabyte, 1));
  return *kFile;
}

void BM_ScanForPayload(benchmark::State& state) {
  const Bytes& file = FileWithoutPayload();
  for (auto _ : state) {
    for (auto at = FindGzip(file, 0); at.has_value(); at = FindGzip(file, *at + 1)) {
      benchmark::DoNotOptimize(at);
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(file.size()) * state.iterations());
}
BENCHMARK(BM_ScanForPayload)->Unit(benchmark::kMillisecond);

// The scan that names the compression format of a file without a gzip payload.
void BM_ScanForOtherFormats(benchmark::State& state) {
  const Bytes& file = FileWithoutPayload();
  for (auto _ : state) {
    auto found = FindOtherFormat(file);
    benchmark::DoNotOptimize(found);
  }
  state.SetBytesProcessed(static_cast<int64_t>(file.size()) * state.iterations());
}
BENCHMARK(BM_ScanForOtherFormats)->Unit(benchmark::kMillisecond);

void BM_Limit_ScanForPayload(benchmark::State& state) {
  const Bytes& file = FileWithoutPayload();
  for (auto _ : state) {
    const std::byte* at = file.data();
    const std::byte* const end = at + file.size();
    while (at != nullptr && at < end) {
      at = static_cast<const std::byte*>(std::memchr(at, 0x1f, static_cast<size_t>(end - at)));
      if (at != nullptr) ++at;
    }
    benchmark::DoNotOptimize(at);
  }
  state.SetBytesProcessed(static_cast<int64_t>(file.size()) * state.iterations());
}
BENCHMARK(BM_Limit_ScanForPayload)->Unit(benchmark::kMillisecond);

// A kernel of `megabytes` MB with its boot code at the end, as in a real kernel.
Bytes ElfKernel(size_t megabytes) {
  const size_t size = megabytes * kMegabyte;
  testdata::ElfSegment segment;
  segment.virtual_address = 0xc0100000;
  segment.physical_address = 0x100000;
  segment.data = testdata::KernelCode(size, 0xc0000000, size - 4096);
  return testdata::ElfBuilder()
      .Segment(segment)
      .Section({.name = ".init.text",
                .address = static_cast<uint32_t>(0xc0100000 + size - 8192),
                .size = 8192})
      .Build();
}

constexpr uint32_t kRam = 256u << 20;

// Loads the kernel, without page tables, boot parameters and initrd.
void BM_LoadElf(benchmark::State& state) {
  const testdata::TempFile path(ElfKernel(static_cast<size_t>(state.range(0))));
  LoadTarget target;
  target.ram_size = kRam;
  for (auto _ : state) {
    const auto memory = GuestMemory::Create(kRam);
    const auto file = File::Open(path.path());
    const auto contents = file->ReadAll();
    const auto kernel = LoadKernel(**memory, {file->name(), contents->bytes()}, target);
    if (!kernel.ok()) std::abort();
  }
}
BENCHMARK(BM_LoadElf)->Arg(4)->Arg(64)->Unit(benchmark::kMicrosecond);

// Also makes the page tables: 65 pages for this much memory.
void BM_LoadGuest(benchmark::State& state) {
  const testdata::TempFile file(ElfKernel(static_cast<size_t>(state.range(0))));
  for (auto _ : state) {
    const auto memory = GuestMemory::Create(kRam);
    const auto guest = LoadGuest(**memory, kRam, {file.path(), {}, "console=hvc0"});
    if (!guest.ok()) std::abort();
  }
}
BENCHMARK(BM_LoadGuest)->Arg(4)->Arg(64)->Unit(benchmark::kMicrosecond);

// Maps guest memory, and reads the file into it.
void BM_Limit_LoadElf(benchmark::State& state) {
  const size_t size = static_cast<size_t>(state.range(0)) * kMegabyte;
  const testdata::TempFile path(ElfKernel(static_cast<size_t>(state.range(0))));
  for (auto _ : state) {
    const auto file = File::Open(path.path());
    void* const ram = mmap(nullptr, kRam, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ram == MAP_FAILED) std::abort();
    if (!file->Read(std::span(static_cast<std::byte*>(ram) + kMegabyte, size)).ok()) std::abort();
    munmap(ram, kRam);
  }
}
BENCHMARK(BM_Limit_LoadElf)->Arg(4)->Arg(64)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace lguest::loader
