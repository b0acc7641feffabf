#include "testdata/guest/gdt.h"

#include <array>

#include "launcher/guest/abi.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/memory.h"

namespace guest {
namespace {

constexpr uint8_t kRing1Code = 0xbb;
constexpr uint8_t kRing3Code = 0xfb;
constexpr uint32_t kAllPages = 0xfffff;

std::array<uint64_t, lguest::kGdtEntries> gdt;
std::array<uint64_t, lguest::kTlsEntries> tls;

void LoadGdt() { CallHost(Hypercall::kLoadGdt, ToPhys(gdt.data()), gdt.size()); }

}  // namespace

void InitGdt() {
  gdt[lguest::kGuestKernelCs / 8] = MakeSegment(0, kAllPages, kRing1Code);
  gdt[lguest::kGuestKernelDs / 8] = MakeSegment(0, kAllPages, kRing1Data);
  gdt[kUserCs / 8] = MakeSegment(0, kAllPages, kRing3Code);
  gdt[kUserDs / 8] = MakeSegment(0, kAllPages, kRing3Data);
  LoadGdt();
}

void SetGdtEntry(uint32_t index, uint64_t descriptor) {
  gdt[index] = descriptor;
  LoadGdt();
}

void LoadTls(uint64_t descriptor) {
  // LOAD_GDT also replaces the TLS entries, so the tables must agree.
  gdt[lguest::kTlsFirstEntry] = descriptor;
  tls[0] = descriptor;
  CallHost(Hypercall::kLoadTls, ToPhys(tls.data()));
}

}  // namespace guest
