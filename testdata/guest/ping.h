// As much of ARP, IP and ICMP as it takes to ping, and to answer one.

#ifndef TESTDATA_GUEST_PING_H_
#define TESTDATA_GUEST_PING_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "testdata/guest/net.h"

namespace guest {

using IpAddress = std::array<uint8_t, 4>;

// Of four numbers with dots between them.
std::optional<IpAddress> ParseIp(std::string_view text);

class Pinger {
 public:
  Pinger(NetInterface& interface, const IpAddress& own) : interface_(interface), own_(own) {}

  // Finds out the other's hardware address; false when it does not answer.
  bool Resolve(const IpAddress& other);

  // One echo request of so many bytes to the one that was resolved; false when no faithful reply
  // comes.
  bool Ping(uint16_t sequence, uint32_t bytes);

  // Answers what comes until so many echo requests have been answered, or no packet came for so
  // long. How many were.
  uint32_t Answer(uint32_t pings, uint32_t timeout_ms);

 private:
  // Receives one packet and does what it demands; false when none came in time.
  bool HandlePacket(uint32_t timeout_ms);
  void HandleArp();
  void HandleIcmp(uint32_t size);

  NetInterface& interface_;
  IpAddress own_;
  IpAddress other_ = {};
  MacAddress other_mac_ = {};
  bool resolved_ = false;
  std::optional<uint16_t> answered_sequence_;  // of our last echo request that got a reply
  uint32_t payload_ = 0;                       // of our echo requests, in bytes
  uint32_t requests_answered_ = 0;
  std::array<uint8_t, NetInterface::kMaxPacket> packet_ = {};
};

}  // namespace guest

#endif  // TESTDATA_GUEST_PING_H_
