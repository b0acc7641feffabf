#include "hostsim/trap_gates.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kPresentTrapGate = 0x8f00;
constexpr uint32_t kPresentInterruptGate = 0x8e00;
constexpr uint32_t kRing3 = 0x6000;

TEST(TrapGatesTest, GateIsDecoded) {
  TrapGates gates;
  ASSERT_TRUE(gates.Load(3, 0xffff5678, 0xc0120000 | kPresentTrapGate | kRing3).ok());
  const Gate gate = gates.Find(3);
  EXPECT_TRUE(gate.present);
  EXPECT_EQ(gate.handler, GuestVirt(0xc0125678));
  EXPECT_EQ(gate.privilege, 3);
  EXPECT_FALSE(gate.disables_interrupts);
}

TEST(TrapGatesTest, ReservedVectorsAreIgnored) {
  TrapGates gates;
  for (const uint32_t vector : {2u, 8u, 15u, 31u}) {
    ASSERT_TRUE(gates.Load(vector, 0, kPresentTrapGate).ok());
    EXPECT_FALSE(gates.Find(vector).present) << vector;
  }
}

TEST(TrapGatesTest, VectorsOutOfRangeAreIgnored) {
  TrapGates gates;
  for (const uint32_t vector : {64u, 127u, 129u, 255u, 0xffffffffu}) {
    ASSERT_TRUE(gates.Load(vector, 0, kPresentTrapGate).ok());
    EXPECT_FALSE(gates.Find(vector).present) << vector;
  }
  ASSERT_TRUE(gates.Load(63, 0, kPresentTrapGate).ok());
  EXPECT_TRUE(gates.Find(63).present);
}

TEST(TrapGatesTest, NotPresentGateRemovesTheOldGate) {
  TrapGates gates;
  ASSERT_TRUE(gates.Load(0x80, 0, kPresentTrapGate).ok());
  ASSERT_TRUE(gates.Load(0x80, 0, 0x0500).ok())
      << "the type of a gate that is not present is ignored";
  EXPECT_FALSE(gates.Find(0x80).present);
}

TEST(TrapGatesTest, OtherGateTypesKillTheGuest) {
  TrapGates gates;
  for (uint32_t type = 0; type < 14; ++type) {
    EXPECT_TRUE(absl::IsAborted(gates.Load(3, 0, 0x8000 | (type << 8)))) << type;
  }
}

TEST(TrapGatesTest, UserCodeMayInvokeTrapGatesWithDpl3) {
  TrapGates gates;
  ASSERT_TRUE(gates.Load(0x80, 0, kPresentTrapGate | kRing3).ok());
  ASSERT_TRUE(gates.Load(3, 0, kPresentInterruptGate | kRing3).ok());
  ASSERT_TRUE(gates.Load(4, 0, kPresentTrapGate).ok());
  EXPECT_TRUE(gates.MayInvoke(0x80, 3));
  EXPECT_FALSE(gates.MayInvoke(3, 3)) << "an interrupt gate";
  EXPECT_FALSE(gates.MayInvoke(4, 3)) << "DPL 0";
  EXPECT_FALSE(gates.MayInvoke(5, 3)) << "no gate";
}

TEST(TrapGatesTest, HostVectorsCannotBeInvoked) {
  TrapGates gates;
  for (const uint32_t vector : {7u, 13u, 14u, 32u, 63u}) {
    ASSERT_TRUE(gates.Load(vector, 0, kPresentTrapGate | kRing3).ok());
    EXPECT_FALSE(gates.MayInvoke(vector, 3)) << vector;
    EXPECT_FALSE(gates.MayInvoke(vector, 1)) << vector;
  }
}

TEST(TrapGatesTest, AcceleratedEntries) {
  using Entry = AcceleratedGate::Entry;
  TrapGates gates;
  for (const uint32_t vector : {6u, 7u, 13u, 14u, 32u}) {
    ASSERT_TRUE(gates.Load(vector, 0, kPresentInterruptGate).ok());
  }
  for (const uint32_t vector : {3u, 0x80u}) {
    ASSERT_TRUE(gates.Load(vector, 0, kPresentTrapGate | kRing3).ok());
  }
  EXPECT_EQ(gates.Accelerated(0x80).entry, Entry::kDirect);
  EXPECT_EQ(gates.Accelerated(3).entry, Entry::kDirect);
  EXPECT_EQ(gates.Accelerated(6).entry, Entry::kReflected);
  EXPECT_EQ(gates.Accelerated(14).entry, Entry::kReflected);
  EXPECT_EQ(gates.Accelerated(13).entry, Entry::kByHost) << "it may be a port instruction";
  EXPECT_EQ(gates.Accelerated(32).entry, Entry::kByHost) << "an interrupt";
  EXPECT_EQ(gates.Accelerated(5).entry, Entry::kByHost) << "no gate";
  ASSERT_TRUE(gates.Load(7, 0, kPresentTrapGate | kRing3).ok());
  EXPECT_EQ(gates.Accelerated(7).entry, Entry::kReflected) << "never direct (ABI.md §4.15)";
}

}  // namespace
}  // namespace lguest::hostsim
