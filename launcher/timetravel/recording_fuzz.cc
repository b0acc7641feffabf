// For any bytes as a recording: the reader refuses them or reads entries, and a replay of those
// entries by a guest that does nothing neither hangs nor reads outside its buffers.
//
// Checksums are made valid first, so that the entries are reached.

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "devices/testing/fake_host.h"
#include "hostsim/testing/fake_counted_runs.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/timetravel/log_file.h"
#include "launcher/timetravel/log_format.h"
#include "launcher/timetravel/log_reader.h"
#include "launcher/timetravel/replayer.h"
#include "launcher/timetravel/taped_backends.h"
#include "tools/fuzz/fuzz_target.h"

namespace lguest::timetravel {
namespace {

constexpr int kMostSteps = 64;

// The input as pieces: a byte for the kind, a byte for the size of the content, the content.
std::string PiecesOf(std::string_view input) {
  std::string file = EncodePrefix() + EncodePiece(PieceKind::kHeader, EncodeHeader(LogHeader()));
  while (input.size() >= 2) {
    const auto kind = static_cast<PieceKind>(input[0] % 4);
    const std::string_view content = input.substr(2, static_cast<uint8_t>(input[1]));
    file += EncodePiece(kind, content);
    input.remove_prefix(2 + content.size());
  }
  return file + std::string(input);
}

void Replay(LogReader& log) {
  FakeHost host;
  hostsim::FakeCountedRuns runs;
  hostsim::CountStops stops(runs);
  hostsim::VirtualClock clock(stops, {});
  const auto memory = GuestMemory::Create(1u << 20).value();
  const hostsim::ScriptedVcpu cpu(*memory, hostsim::Script());
  Replayer replayer(log);
  TapedConsole console(0, nullptr, replayer);
  TapedBlock disk(1, nullptr, replayer);
  TapedPackets packets(2, nullptr, replayer);
  replayer.Start(host, stops, clock, cpu);
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable wakeup;
  for (int step = 0; step < kMostSteps && replayer.status().ok(); ++step) {
    std::array<std::byte, 64> bytes = {};
    const iovec piece = {.iov_base = bytes.data(), .iov_len = bytes.size()};
    console.Read(bytes).IgnoreError();
    disk.ReadAt(0, std::span(&piece, 1)).IgnoreError();
    packets.Read(IoVector(std::span(&piece, 1))).IgnoreError();
    if (runs.Run(1000)) stops.Handle();
    clock.Wait(lock, wakeup, clock.Now() + 1000);
    static_cast<void>(replayer.TakeReady());
  }
}

void Try(const std::string& bytes) {
  auto file = std::make_unique<MemoryLogFile>();
  file->Append(bytes).IgnoreError();
  const absl::StatusOr<std::unique_ptr<LogReader>> log = LogReader::Open(std::move(file), "file");
  if (log.ok()) Replay(**log);
}

}  // namespace
}  // namespace lguest::timetravel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  lguest::timetravel::Try(std::string(input));
  lguest::timetravel::Try(lguest::timetravel::PiecesOf(input));
  return 0;
}
