// A guest of a few instructions, on any virtual CPU.

#ifndef BENCHMARKS_SMALL_GUEST_H_
#define BENCHMARKS_SMALL_GUEST_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/bus/device.h"
#include "devices/bus/device_bus.h"
#include "hostsim/clock.h"
#include "hostsim/software_host.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// Makes a CPU for a guest in `memory`.
using CpuFactory = absl::StatusOr<std::unique_ptr<hostsim::Vcpu>> (*)(GuestMemory& memory);

// The available factories.
absl::StatusOr<std::unique_ptr<hostsim::Vcpu>> MakeSoftCpu(GuestMemory& memory);
absl::StatusOr<std::unique_ptr<hostsim::Vcpu>> MakeCountedSoftCpu(GuestMemory& memory);

// A guest that is ready to run the first byte of its code. The thread that makes it owns it.
class SmallGuest {
 public:
  static constexpr uint32_t kRam = 4u << 20;
  static constexpr uint32_t kPageOffset = 0xc0000000;
  static constexpr uint32_t kCode = kPageOffset + 0x100000 + 16;  // virtual, of the first byte
  static constexpr uint32_t kFree = 0x200000;  // guest-physical; the guest may use RAM from here on

  // Aborts if the guest cannot be made. `device` may be null.
  SmallGuest(CpuFactory make_cpu, std::span<const uint8_t> code, std::unique_ptr<Device> device);

  hostsim::Vcpu& cpu() { return *cpu_; }
  hostsim::SoftwareHost& host() { return *host_; }
  DeviceBus& bus() { return *bus_; }

 private:
  std::unique_ptr<GuestMemory> memory_;
  std::unique_ptr<hostsim::Vcpu> cpu_;
  std::unique_ptr<hostsim::Clock> clock_;
  std::unique_ptr<hostsim::SoftwareHost> host_;
  std::unique_ptr<DeviceBus> bus_;
};

}  // namespace lguest

#endif  // BENCHMARKS_SMALL_GUEST_H_
