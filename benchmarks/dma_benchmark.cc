// The cost of a DMA between guest and device, with a device that does nothing.
//
//   SEND_DMA to a device and back     beside copying the lguest_dma      (target: 100 ns, no heap)
//   input into a buffer of the guest  beside finding the buffer          (GETDMA, fill, irq)
//   the same with the guest's part    beside a guest that only sends     (it wakes, empties, sends)

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "benchmark/benchmark.h"
#include "benchmarks/device_bench.h"
#include "benchmarks/heap_count.h"
#include "devices/bus/device.h"
#include "devices/bus/device_bus.h"
#include "hostsim/testing/scripted_machine.h"
#include "launcher/guest/abi.h"
#include "launcher/host/host.h"

namespace lguest {
namespace {

using hostsim::Script;
using hostsim::ScriptedMachine;

constexpr DmaKey kKey(0);
constexpr uint32_t kIrq = 1;
constexpr uint32_t kSectionBytes = 256;

// Accepts all output, and always has input.
class NullDevice final : public Device {
 public:
  std::string name() const override { return "null"; }
  DeviceType type() const override { return DeviceType::kConsole; }
  absl::Status Attach(GuestMemory& /*memory*/, const DevicePlace& /*place*/) override {
    return absl::OkStatus();
  }
  std::vector<DmaKey> output_keys() const override { return {kKey}; }
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey /*key*/, const DmaChain& chain,
                                               DmaPort& /*port*/) override {
    return chain.size();
  }
  absl::StatusOr<Input> Receive(DmaPort& port) override {
    const absl::StatusOr<std::optional<DmaPort::Buffer>> next = port.NextBuffer(kKey);
    if (!next.ok()) return next.status();
    const std::optional<DmaPort::Buffer>& buffer = *next;
    if (!buffer.has_value()) return Input::kNoRoom;
    if (absl::Status delivered = port.Deliver(*buffer, 1); !delivered.ok()) return delivered;
    return Input::kMore;
  }
};

// Counts the heap allocations of each iteration.
class HeapCounter {
 public:
  explicit HeapCounter(benchmark::State& state) : state_(state), before_(HeapAllocations()) {}
  ~HeapCounter() {
    state_.counters["heap"] = benchmark::Counter(static_cast<double>(HeapAllocations() - before_),
                                                 benchmark::Counter::kAvgIterations);
  }
  HeapCounter(const HeapCounter&) = delete;
  HeapCounter& operator=(const HeapCounter&) = delete;

 private:
  benchmark::State& state_;
  const uint64_t before_;
};

void BM_SendDma(benchmark::State& state) {
  DeviceBench guest(std::make_unique<NullDevice>());
  const DmaSent sent = {guest.MakeDma(static_cast<uint32_t>(state.range(0)), kSectionBytes), kKey};
  const HeapCounter heap(state);
  for (auto _ : state) {
    if (!guest.bus().Dispatch(sent).ok()) std::abort();
  }
}
BENCHMARK(BM_SendDma)->Arg(1)->Arg(16);

void BM_Limit_SendDma(benchmark::State& state) {
  DeviceBench guest(std::make_unique<NullDevice>());
  const GuestPhys dma = guest.MakeDma(static_cast<uint32_t>(state.range(0)), kSectionBytes);
  for (auto _ : state) {
    auto copy = guest.memory().Read<Dma>(dma);
    benchmark::DoNotOptimize(copy);
    if (!guest.memory().Write(dma, uint32_t{kSectionBytes}).ok()) std::abort();
  }
}
BENCHMARK(BM_Limit_SendDma)->Arg(1)->Arg(16);

// A guest that binds a buffer, then loops: it waits for input if `waits` is set, frees the buffer,
// and sends a DMA.
class InputGuest {
 public:
  enum class Waits : bool { kNo, kYes };

  explicit InputGuest(Waits waits) : waits_(waits) { Restart(); }

  // Refills the guest's rounds outside of the measured time.
  void Prepare(benchmark::State& state) {
    if (rounds_left_ != 0) return;
    state.PauseTiming();
    Restart();
    state.ResumeTiming();
  }

  // One round: runs the guest until it sends, and takes the DMA.
  void Run() {
    --rounds_left_;
    const absl::StatusOr<Exit> exit = machine_->host().Run();
    if (!exit.ok() || !std::holds_alternative<DmaSent>(*exit)) std::abort();
    if (!bus_->Dispatch(std::get<DmaSent>(*exit)).ok()) std::abort();
  }

  void Receive() {
    if (bus_->Receive(0).value() != Device::Input::kMore) std::abort();
  }

  // The guest's action on input.
  void FreeBuffer() { machine_->memory().Write(GuestPhys(kBuffer), 0u).IgnoreError(); }

  hostsim::SoftwareHost& host() { return machine_->host(); }

 private:
  static constexpr int kRounds = 1000;
  static constexpr GuestPhys kRamEnd{15 * kPageSize};  // of a ScriptedMachine's 16 pages
  static constexpr uint32_t kBuffer = 0x5000;
  static constexpr uint32_t kOutput = 0x5100;

  void Restart() {
    Script script;
    script.Init()
        .Dma(kBuffer, {{0x6000, kSectionBytes}})
        .Dma(kOutput, {{0x7000, kSectionBytes}})
        .Bind(kKey, GuestPhys(kBuffer), 1, kIrq)
        .Send(kKey, GuestPhys(kOutput));
    for (int i = 0; i < kRounds; ++i) {
      if (waits_ == Waits::kYes) script.Wait(kIrq);
      script.Put32(kBuffer, 0).Send(kKey, GuestPhys(kOutput));
    }
    bus_.reset();
    machine_ = std::make_unique<ScriptedMachine>(std::move(script));
    std::vector<std::unique_ptr<Device>> devices;
    devices.push_back(std::make_unique<NullDevice>());
    bus_ = DeviceBus::Create(machine_->memory(), machine_->host(), kRamEnd, std::move(devices))
               .value();
    machine_->Run();  // to the first SEND_DMA
    rounds_left_ = kRounds;
  }

  const Waits waits_;
  std::unique_ptr<ScriptedMachine> machine_;
  std::unique_ptr<DeviceBus> bus_;
  int rounds_left_ = 0;
};

void BM_Input(benchmark::State& state) {
  InputGuest guest(InputGuest::Waits::kYes);
  const HeapCounter heap(state);
  for (auto _ : state) {
    guest.Receive();
    guest.FreeBuffer();
  }
}
BENCHMARK(BM_Input);

void BM_Limit_Input(benchmark::State& state) {
  InputGuest guest(InputGuest::Waits::kYes);
  for (auto _ : state) {
    auto buffer = guest.host().GetDma(kKey);
    benchmark::DoNotOptimize(buffer);
  }
}
BENCHMARK(BM_Limit_Input);

void BM_InputRoundTrip(benchmark::State& state) {
  InputGuest guest(InputGuest::Waits::kYes);
  for (auto _ : state) {
    guest.Prepare(state);
    guest.Receive();
    guest.Run();
  }
}
BENCHMARK(BM_InputRoundTrip);

void BM_Limit_InputRoundTrip(benchmark::State& state) {
  InputGuest guest(InputGuest::Waits::kNo);
  for (auto _ : state) {
    guest.Prepare(state);
    guest.Run();
  }
}
BENCHMARK(BM_Limit_InputRoundTrip);

}  // namespace
}  // namespace lguest
