// Disk requests through the device, beside preadv() and pwritev() on the same memory and on a file
// opened the same way (target: 95 % of their speed). The file is in memory (/dev/shm), where the
// device's share of the time is largest, or on the disk that holds temporary files.

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/device_bench.h"
#include "devices/block/block_device.h"
#include "devices/block/block_spec.h"
#include "devices/block/file_block_backend.h"
#include "launcher/base/unique_fd.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

constexpr off_t kDiskSize = 1 << 20;
constexpr uint16_t kSectionBytes = 4096;  // a page, as a Linux guest uses

// A temporary disk image.
class DiskFile {
 public:
  explicit DiskFile(bool in_memory) {
    const char* const temporary = std::getenv("TEST_TMPDIR");
    path_ = in_memory ? "/dev/shm" : temporary != nullptr ? temporary : "/tmp";
    path_ += "/lguest-disk-XXXXXX";
    const UniqueFd fd(mkstemp(path_.data()));
    const std::vector<char> zeroes(kDiskSize);  // No holes: the first access to a hole costs more.
    if (write(fd.get(), zeroes.data(), zeroes.size()) != kDiskSize) std::abort();
  }
  ~DiskFile() { unlink(path_.c_str()); }
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Arguments {
  explicit Arguments(const benchmark::State& state)
      : in_memory(state.range(0) != 0),
        type(static_cast<int32_t>(state.range(1))),
        sections(static_cast<uint32_t>(state.range(2)) / kSectionBytes) {}

  bool in_memory;
  int32_t type;  // BlockRequest
  uint32_t sections;
};

void InMemory(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"memory", "write", "bytes"})->ArgsProduct({{1}, {0, 1}, {4096, 65536}});
}

// Uses real time: the processor is idle while a disk works.
void OnDisk(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"memory", "write", "bytes"})->ArgsProduct({{0}, {0, 1}, {4096, 65536}});
  benchmark->UseRealTime();
}

void BM_Block(benchmark::State& state) {
  const Arguments arguments(state);
  const DiskFile file(arguments.in_memory);
  const BlockSpec spec = {.path = file.path(), .read_only = false};
  DeviceBench guest(std::make_unique<BlockDevice>("disk", FileBlockBackend::Open(spec).value()));
  // The same buffer is the data of a write and the reply of a read.
  const DmaSent sent = {guest.MakeDma(arguments.sections, kSectionBytes),
                        DmaKey(DeviceBench::kDevicePage.value())};
  const BlockPage request = {.type = arguments.type,
                             .sector = 0,
                             .bytes = arguments.sections * kSectionBytes,
                             .result = 0,
                             .num_sectors = 0};
  if (!guest.memory().Write(DeviceBench::kDevicePage, request).ok()) std::abort();
  for (auto _ : state) {
    if (!guest.bus().Dispatch(sent).ok()) std::abort();
  }
  const auto page = guest.memory().Read<BlockPage>(DeviceBench::kDevicePage);
  if (page->result != static_cast<int32_t>(BlockResult::kOk)) {
    state.SkipWithError("a request failed");
  }
  state.SetBytesProcessed(int64_t{request.bytes} * state.iterations());
}
BENCHMARK(BM_Block)->Apply(InMemory);
BENCHMARK(BM_Block)->Apply(OnDisk);

void BM_Limit_Block(benchmark::State& state) {
  const Arguments arguments(state);
  const DiskFile file(arguments.in_memory);
  const UniqueFd fd(open(file.path().c_str(), O_RDWR | O_CLOEXEC));
  // The device also opens its file with O_DIRECT, if the file system supports it.
  const bool direct = fcntl(fd.get(), F_SETFL, O_DIRECT) == 0;
  state.SetLabel(direct ? "O_DIRECT" : "page cache");
  DeviceBench guest(std::make_unique<BlockDevice>(
      "unused", FileBlockBackend::Open({.path = file.path(), .read_only = false}).value()));
  const std::vector<iovec> pieces = guest.Pieces(arguments.sections, kSectionBytes);
  const bool is_write = arguments.type == static_cast<int32_t>(BlockRequest::kWrite);
  const ssize_t size = arguments.sections * kSectionBytes;
  for (auto _ : state) {
    const int count = static_cast<int>(pieces.size());
    const ssize_t len = is_write ? pwritev(fd.get(), pieces.data(), count, 0)
                                 : preadv(fd.get(), pieces.data(), count, 0);
    if (len != size) std::abort();
  }
  state.SetBytesProcessed(size * state.iterations());
}
BENCHMARK(BM_Limit_Block)->Apply(InMemory);
BENCHMARK(BM_Limit_Block)->Apply(OnDisk);

}  // namespace
}  // namespace lguest
