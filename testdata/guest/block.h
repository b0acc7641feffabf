// Disks (ABI.md §4.20): one request at a time, by way of the device's page.

#ifndef TESTDATA_GUEST_BLOCK_H_
#define TESTDATA_GUEST_BLOCK_H_

#include <cstdint>
#include <span>

#include "launcher/guest/abi.h"
#include "testdata/guest/devices.h"

namespace guest {

class Disk {
 public:
  // The most that one request can carry: 16 sections of a page each, one of them in two parts.
  static constexpr uint32_t kMaxSectors = 15 * 8;

  // Gets ready for requests; false when the host has no room for the binding.
  bool Init(const Device& device);

  uint32_t sectors() const;

  // Whole sectors, at most kMaxSectors, in the kernel's linear map. False when the launcher reports
  // an error or does not answer.
  bool Read(uint32_t sector, std::span<char> data);
  bool Write(uint32_t sector, std::span<const char> data);

 private:
  lguest::BlockPage& page() const;
  bool Request(lguest::BlockRequest type, uint32_t sector, const lguest::Dma& dma, uint32_t bytes);

  Device device_ = {};
  lguest::Dma reply_ = {};  // bound to the key of the device: where the launcher puts what was read
};

void InitDisks();
std::span<Disk> Disks();

}  // namespace guest

#endif  // TESTDATA_GUEST_BLOCK_H_
