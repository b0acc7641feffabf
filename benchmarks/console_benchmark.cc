// Console output through the device, beside bare writev() of the same bytes to the same terminal
// (target: 95 % of its speed). It uses a real terminal (a pty), because users pay for its cost too,
// and the buffer that the launcher uses, which is flushed at the end of each batch.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/batch_timer.h"
#include "benchmarks/device_bench.h"
#include "devices/console/buffered_console_backend.h"
#include "devices/console/console.h"
#include "devices/console/console_backend.h"
#include "launcher/base/unique_fd.h"

namespace lguest {
namespace {

constexpr int kBatch = 32;  // writes before the terminal is read; they fit into a pty's queue

// A terminal without input. It is read empty between batches.
class Terminal {
 public:
  Terminal() : user_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (grantpt(user_.get()) != 0 || unlockpt(user_.get()) != 0) std::abort();
    program_ = UniqueFd(open(ptsname(user_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios settings = {};
    if (tcgetattr(program_.get(), &settings) != 0) std::abort();
    cfmakeraw(&settings);
    if (tcsetattr(program_.get(), TCSANOW, &settings) != 0) std::abort();
  }

  int program() const { return program_.get(); }

  void Drain(int64_t bytes) const {
    std::array<char, 4096> drained;
    while (bytes > 0) {
      const ssize_t len = read(user_.get(), drained.data(), drained.size());
      if (len <= 0) std::abort();
      bytes -= len;
    }
  }

 private:
  UniqueFd user_;
  UniqueFd program_;
};

// Measures `kBatch` calls of `write` per iteration, without reading the terminal afterwards.
template <typename Write>
void MeasureBatches(benchmark::State& state, const Terminal& terminal, const Write& write) {
  for (auto _ : state) {
    TimeBatch(state, kBatch, write);
    terminal.Drain(kBatch * state.range(0));
  }
  state.SetItemsProcessed(kBatch * state.iterations());
}

void BM_Console(benchmark::State& state) {
  const Terminal terminal;
  DeviceBench guest(std::make_unique<Console>(
      BufferedConsoleBackend::Create(
          std::make_unique<FdConsoleBackend>(terminal.program(), terminal.program()))
          .value()));
  const DmaSent sent = {guest.MakeDma(1, static_cast<uint16_t>(state.range(0))), kConsoleKey};
  int writes = 0;
  MeasureBatches(state, terminal, [&] {
    if (!guest.bus().Dispatch(sent).ok()) std::abort();
    if (++writes % kBatch == 0) guest.bus().Finish();
  });
}
// The size of Linux 2.6.23's console writes, and a long line.
BENCHMARK(BM_Console)->ArgName("bytes")->Arg(16)->Arg(256)->UseManualTime();

void BM_Limit_Console(benchmark::State& state) {
  const Terminal terminal;
  std::vector<char> text(static_cast<size_t>(state.range(0)));
  const iovec piece = {.iov_base = text.data(), .iov_len = text.size()};
  MeasureBatches(state, terminal, [&] {
    if (writev(terminal.program(), &piece, 1) != static_cast<ssize_t>(text.size())) std::abort();
  });
}
BENCHMARK(BM_Limit_Console)->ArgName("bytes")->Arg(16)->Arg(256)->UseManualTime();

}  // namespace
}  // namespace lguest
