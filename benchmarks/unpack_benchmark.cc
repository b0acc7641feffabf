// The cost of unpacking a kernel, beside bare inflate() (bound: 95 % of its speed) and beside
// libdeflate, which would be worth a dependency if it gained the user more than a factor of 1.5.

#include <libdeflate.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <span>

#include "benchmark/benchmark.h"
#include "loader/gzip_reader.h"
#include "testdata/images/bytes.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;

constexpr size_t kMegabyte = size_t{1} << 20;

// As many bytes as a kernel has, with about the same compression ratio.
struct PackedKernel {
  size_t size = 0;
  Bytes packed;
};
const PackedKernel& Packed() {
  static const auto* const kKernel = [] {
    Bytes code = testdata::KernelCode(8 * kMegabyte, 0xc0000000, 64);
    const Bytes noise = testdata::Noise(3 * kMegabyte, 2);
    for (size_t i = 0; i * 1024 < noise.size(); ++i) {
      testdata::Put(code, 4096 + i * 2600, std::span(noise).subspan(i * 1024, 1024));
    }
    code.resize(8 * kMegabyte);
    return new PackedKernel{code.size(), testdata::Gzip(code)};
  }();
  return *kKernel;
}

void BM_Unpack(benchmark::State& state) {
  const PackedKernel& kernel = Packed();
  Bytes out(kernel.size);
  for (auto _ : state) {
    GzipReader reader;
    reader.Start(kernel.packed);
    // Like the loader: reads the first bytes, then the rest.
    if (reader.Read(std::span(out).first(4)) != GzipReader::State::kMore) std::abort();
    if (reader.Read(std::span(out).subspan(4)) != GzipReader::State::kDone) std::abort();
  }
  state.SetBytesProcessed(static_cast<int64_t>(kernel.size) * state.iterations());
}
BENCHMARK(BM_Unpack)->Unit(benchmark::kMillisecond);

void BM_Limit_Unpack(benchmark::State& state) {
  const PackedKernel& kernel = Packed();
  Bytes out(kernel.size);
  for (auto _ : state) {
    z_stream stream = {};
    if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) std::abort();
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(kernel.packed.data()));
    stream.avail_in = static_cast<uInt>(kernel.packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    if (inflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
    inflateEnd(&stream);
  }
  state.SetBytesProcessed(static_cast<int64_t>(kernel.size) * state.iterations());
}
BENCHMARK(BM_Limit_Unpack)->Unit(benchmark::kMillisecond);

void BM_Libdeflate_Unpack(benchmark::State& state) {
  const PackedKernel& kernel = Packed();
  Bytes out(kernel.size);
  for (auto _ : state) {
    libdeflate_decompressor* const decompressor = libdeflate_alloc_decompressor();
    if (libdeflate_gzip_decompress(decompressor, kernel.packed.data(), kernel.packed.size(),
                                   out.data(), out.size(), nullptr) != LIBDEFLATE_SUCCESS) {
      std::abort();
    }
    libdeflate_free_decompressor(decompressor);
  }
  state.SetBytesProcessed(static_cast<int64_t>(kernel.size) * state.iterations());
}
BENCHMARK(BM_Libdeflate_Unpack)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lguest::loader
