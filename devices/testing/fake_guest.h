// The guest side of a device for tests: memory and DMA buffers, but no running code.

#ifndef DEVICES_TESTING_FAKE_GUEST_H_
#define DEVICES_TESTING_FAKE_GUEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "devices/bus/device.h"
#include "devices/bus/dma_chain.h"
#include "devices/bus/host_dma_port.h"
#include "devices/testing/fake_host.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// RAM with device pages above it, and a FakeHost.
//
//   FakeGuest guest;
//   guest.Put(0x1000, "hello");
//   const GuestPhys dma = guest.PutDma(0x100, {{0x1000, 5}});
//   guest.host().Bind(key, dma, 3);
class FakeGuest {
 public:
  static constexpr uint32_t kRam = 64 * kPageSize;
  static constexpr uint32_t kDevicePages = 20;
  static constexpr uint32_t kSize = kRam + kDevicePages * kPageSize;

  struct Section {
    uint32_t addr;
    uint16_t len;
  };

  FakeGuest();

  GuestMemory& memory() { return *memory_; }
  FakeHost& host() { return host_; }
  DmaPort& port() { return port_; }

  // Writes an lguest_dma of at most 16 sections with used_len 0 to `addr`.
  GuestPhys PutDma(uint32_t addr, const std::vector<Section>& sections);

  // Like PutDma(), then loads the chain.
  DmaChain Chain(uint32_t addr, const std::vector<Section>& sections);

  // Like PutDma(), then binds the buffer to `key`.
  GuestPhys BindDma(DmaKey key, uint32_t addr, const std::vector<Section>& sections, uint32_t irq);

  void Put(uint32_t addr, std::string_view bytes);
  std::string Get(uint32_t addr, uint32_t len) const;

  uint32_t UsedLen(GuestPhys dma) const;
  void SetUsedLen(GuestPhys dma, uint32_t used);

 private:
  std::unique_ptr<GuestMemory> memory_;
  FakeHost host_;
  HostDmaPort port_;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_FAKE_GUEST_H_
