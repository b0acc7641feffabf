// For any block request, only the sectors of a valid write change.
// Input: the lguest_block_page (20 bytes), the lguest_dma that is sent and the lguest_dma of the
// reply buffer (100 bytes each). Missing bytes are zero.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "devices/block/block_device.h"
#include "devices/bus/dma_chain.h"
#include "devices/bus/host_dma_port.h"
#include "devices/testing/fake_host.h"
#include "devices/testing/memory_block_backend.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "tools/fuzz/fuzz_target.h"

namespace {

struct Input {
  lguest::BlockPage page;
  lguest::Dma sent;
  lguest::Dma reply;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint32_t kRam = 32 * lguest::kPageSize;
  constexpr lguest::GuestPhys kPage(kRam);
  constexpr lguest::GuestPhys kSent(0);
  constexpr lguest::GuestPhys kReply(128);
  constexpr size_t kDisk = size_t{64} * lguest::kSectorSize + 100;  // and a partial sector
  Input input = {};
  if (size != 0) std::memcpy(&input, data, std::min(size, sizeof(input)));

  const auto memory = lguest::GuestMemory::Create(kRam + lguest::kPageSize).value();
  std::string disk(kDisk, 'd');
  lguest::BlockDevice device("disk", std::make_unique<lguest::MemoryBlockBackend>(disk));
  lguest::FakeHost host;
  lguest::HostDmaPort port(*memory, host);
  if (!device.Attach(*memory, {.pages = kPage, .irq = 1}).ok() ||
      !memory->Write(kPage, input.page).ok() || !memory->Write(kSent, input.sent).ok() ||
      !memory->Write(kReply, input.reply).ok()) {
    std::abort();
  }
  host.Bind(lguest::DmaKey(kRam), kReply, 1);
  const auto chain = lguest::DmaChain::Load(*memory, kSent);
  if (!chain.ok()) return 0;
  const auto used = device.Send(lguest::DmaKey(kRam), *chain, port);

  const std::string untouched(kDisk, 'd');
  if (disk.size() != kDisk) std::abort();
  const bool write = input.page.type == 1 && used.ok() && input.page.bytes == chain->size();
  const uint64_t start = uint64_t{input.page.sector} * lguest::kSectorSize;
  if (!write || start + input.page.bytes > kDisk - 100) {
    if (disk != untouched) std::abort();
  } else if (disk.compare(0, start, untouched, 0, start) != 0 ||
             disk.compare(start + input.page.bytes, std::string::npos, untouched,
                          start + input.page.bytes, std::string::npos) != 0) {
    std::abort();
  }
  if (used.ok() != (host.interrupts().size() == 1)) std::abort();
  return 0;
}
