// A guest with one device, to measure the device alone.

#ifndef BENCHMARKS_DEVICE_BENCH_H_
#define BENCHMARKS_DEVICE_BENCH_H_

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/device.h"
#include "devices/bus/device_bus.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest {

// A host of minimal cost: one buffer is bound to every key and is always free.
class OneBufferHost final : public Host {
 public:
  void set_buffer(BoundDma buffer) { buffer_ = buffer; }

  absl::Status Initialize(const BootState& /*boot*/) override { return absl::OkStatus(); }
  absl::StatusOr<Exit> Run() override { return Exit(Died{"no guest"}); }
  absl::StatusOr<BoundDma> GetDma(DmaKey /*key*/) override { return buffer_; }
  absl::Status RaiseInterrupt(uint32_t /*irq*/) override { return absl::OkStatus(); }
  absl::Status BreakOut() override { return absl::OkStatus(); }
  absl::Status Resume() override { return absl::OkStatus(); }
  void RequestBreakOut() override {}

 private:
  BoundDma buffer_;
};

// RAM, and above it the pages of one device.
class DeviceBench {
 public:
  static constexpr uint32_t kRam = 64 * kPageSize;
  static constexpr GuestPhys kDevicePage{kRam + kPageSize};  // above the descriptor page
  static constexpr GuestPhys kData{kRam / 2};                // page-aligned; data of all transfers

  // Aborts if the device cannot be attached.
  explicit DeviceBench(std::unique_ptr<Device> device);

  GuestMemory& memory() { return *memory_; }
  DeviceBus& bus() { return *bus_; }

  // Makes an lguest_dma of `sections` contiguous pieces of `len` bytes each, from kData on. It is
  // also the buffer that the device gets for its input and replies.
  GuestPhys MakeDma(uint32_t sections, uint16_t len);

  // The same pieces, for a bare system call on the same memory.
  std::vector<iovec> Pieces(uint32_t sections, uint16_t len);

 private:
  std::unique_ptr<GuestMemory> memory_;
  OneBufferHost host_;
  std::unique_ptr<DeviceBus> bus_;
};

}  // namespace lguest

#endif  // BENCHMARKS_DEVICE_BENCH_H_
