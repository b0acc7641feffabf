// Disks (ABI.md §4.20). The driver sends one request at a time, through the device's page.

#ifndef TESTDATA_GUEST_BLOCK_H_
#define TESTDATA_GUEST_BLOCK_H_

#include <cstdint>
#include <span>

#include "launcher/guest/abi.h"
#include "testdata/guest/devices.h"

namespace guest {

class Disk {
 public:
  // The size limit of a request: 16 sections of a page each, and unaligned data needs two sections
  // for one page.
  static constexpr uint32_t kMaxSectors = 15 * 8;

  // Binds the reply buffer. Returns false if the host has no room for the binding.
  bool Init(const Device& device);

  uint32_t sectors() const;

  // Transfers whole sectors, at most kMaxSectors, to or from memory in the kernel's linear map.
  // Returns false if the launcher reports an error or does not answer.
  bool Read(uint32_t sector, std::span<char> data);
  bool Write(uint32_t sector, std::span<const char> data);

 private:
  lguest::BlockPage& page() const;
  bool Request(lguest::BlockRequest type, uint32_t sector, const lguest::Dma& dma, uint32_t bytes);

  Device device_ = {};
  lguest::Dma reply_ = {};  // bound to the device's key; receives the data of a read
};

void InitDisks();
std::span<Disk> Disks();

}  // namespace guest

#endif  // TESTDATA_GUEST_BLOCK_H_
