#include "testdata/guest/block.h"

#include <array>

#include "testdata/guest/hypercall.h"
#include "testdata/guest/memory.h"
#include "testdata/guest/timer.h"

namespace guest {
namespace {

constexpr uint32_t kTimeoutMs = 10'000;

constinit std::array<Disk, lguest::kMaxDevices> disks;
uint32_t disk_count;

// The launcher writes its result to the page before the interrupt, so the handler only has to wake
// the guest.
void HandleDiskInterrupt(TrapFrame& /*frame*/) {}

}  // namespace

bool Disk::Init(const Device& device) {
  device_ = device;
  SetInterruptHandler(device.irq, HandleDiskInterrupt);
  return BindDma(device.page(), {&reply_, 1}, device.irq);
}

lguest::BlockPage& Disk::page() const { return *device_.memory<lguest::BlockPage>(); }

uint32_t Disk::sectors() const { return page().num_sectors; }

bool Disk::Read(uint32_t sector, std::span<char> data) {
  reply_ = MakeDma(data);
  return Request(lguest::BlockRequest::kRead, sector, {}, data.size());
}

bool Disk::Write(uint32_t sector, std::span<const char> data) {
  reply_ = {};
  return Request(lguest::BlockRequest::kWrite, sector, MakeDma(data), data.size());
}

bool Disk::Request(lguest::BlockRequest type, uint32_t sector, const lguest::Dma& dma,
                   uint32_t bytes) {
  lguest::BlockPage& request = page();
  constexpr auto kPending = static_cast<int32_t>(lguest::BlockResult::kPending);
  request.type = static_cast<int32_t>(type);
  request.sector = sector;
  request.bytes = bytes;
  WriteOnce(request.result, kPending);
  SendDma(device_.page(), dma);
  if (!WaitFor([&] { return ReadOnce(request.result) != kPending; }, kTimeoutMs)) return false;
  return request.result == static_cast<int32_t>(lguest::BlockResult::kOk);
}

void InitDisks() {
  while (const std::optional<Device> device = FindDevice(lguest::DeviceType::kBlock, disk_count)) {
    if (!disks[disk_count].Init(*device)) Crash("the host has no room to bind a disk's buffer");
    AcceptDevice(*device);
    ++disk_count;
  }
}

std::span<Disk> Disks() { return {disks.data(), disk_count}; }

}  // namespace guest
