#include "devices/testing/fake_guest.h"

#include <span>

#include "gtest/gtest.h"
#include "launcher/guest/abi.h"

namespace lguest {

FakeGuest::FakeGuest() : memory_(GuestMemory::Create(kSize).value()), port_(*memory_, host_) {}

GuestPhys FakeGuest::PutDma(uint32_t addr, const std::vector<Section>& sections) {
  Dma dma = {};
  for (size_t i = 0; i < sections.size(); ++i) {
    dma.addr.at(i) = sections[i].addr;
    dma.len.at(i) = sections[i].len;
  }
  EXPECT_TRUE(memory_->Write(GuestPhys(addr), dma).ok());
  return GuestPhys(addr);
}

DmaChain FakeGuest::Chain(uint32_t addr, const std::vector<Section>& sections) {
  return DmaChain::Load(*memory_, PutDma(addr, sections)).value();
}

GuestPhys FakeGuest::BindDma(DmaKey key, uint32_t addr, const std::vector<Section>& sections,
                             uint32_t irq) {
  const GuestPhys dma = PutDma(addr, sections);
  host_.Bind(key, dma, irq);
  return dma;
}

void FakeGuest::Put(uint32_t addr, std::string_view bytes) {
  EXPECT_TRUE(memory_->WriteBytes(GuestPhys(addr), std::as_bytes(std::span(bytes))).ok());
}

std::string FakeGuest::Get(uint32_t addr, uint32_t len) const {
  std::string bytes(len, '\0');
  EXPECT_TRUE(memory_->ReadBytes(GuestPhys(addr), std::as_writable_bytes(std::span(bytes))).ok());
  return bytes;
}

uint32_t FakeGuest::UsedLen(GuestPhys dma) const { return memory_->Read<Dma>(dma)->used_len; }

void FakeGuest::SetUsedLen(GuestPhys dma, uint32_t used) {
  EXPECT_TRUE(memory_->Write(dma, used).ok());
}

}  // namespace lguest
