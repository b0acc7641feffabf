// DmaChain::Load() returns either sections inside guest memory or an error, for any lguest_dma.
// Input: the address of the lguest_dma (4 bytes), then its 100 bytes.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "devices/bus/dma_chain.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "tools/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint32_t kSize = 16 * lguest::kPageSize;
  uint32_t where = 0;
  lguest::Dma dma = {};
  if (size >= sizeof(where)) {
    std::memcpy(&where, data, sizeof(where));
    const size_t rest = size - sizeof(where);
    std::memcpy(&dma, data + sizeof(where), rest < sizeof(dma) ? rest : sizeof(dma));
  }
  const std::unique_ptr<lguest::GuestMemory> memory = lguest::GuestMemory::Create(kSize).value();
  const bool written = memory->Write(lguest::GuestPhys(where), dma).ok();
  const auto chain = lguest::DmaChain::Load(*memory, lguest::GuestPhys(where));
  if (!chain.ok()) {
    if (chain.status().message().empty()) std::abort();
    return 0;
  }
  if (!written) std::abort();
  uint64_t total = 0;
  for (const iovec& section : chain->sections()) {
    const auto start =
        static_cast<uint64_t>(static_cast<std::byte*>(section.iov_base) - memory->base());
    if (section.iov_len == 0 || start > kSize || section.iov_len > kSize - start) std::abort();
    std::memset(section.iov_base, 0xff, section.iov_len);
    total += section.iov_len;
  }
  if (total != chain->size()) std::abort();
  return 0;
}
