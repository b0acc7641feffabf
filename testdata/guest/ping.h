// The parts of ARP, IP and ICMP that are needed to send and answer pings.

#ifndef TESTDATA_GUEST_PING_H_
#define TESTDATA_GUEST_PING_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "testdata/guest/net.h"

namespace guest {

using IpAddress = std::array<uint8_t, 4>;

// Parses four numbers separated by dots.
std::optional<IpAddress> ParseIp(std::string_view text);

class Pinger {
 public:
  Pinger(NetInterface& interface, const IpAddress& own) : interface_(interface), own_(own) {}

  // Finds the hardware address of `other`. Returns false if `other` does not answer.
  bool Resolve(const IpAddress& other);

  // Sends an echo request of `bytes` bytes to the resolved host. Returns false if no correct reply
  // arrives.
  bool Ping(uint16_t sequence, uint32_t bytes);

  // Answers echo requests until `pings` are answered or no packet arrives for `timeout_ms`. Returns
  // the number of answers.
  uint32_t Answer(uint32_t pings, uint32_t timeout_ms);

 private:
  // Receives and handles one packet. Returns false after `timeout_ms`.
  bool HandlePacket(uint32_t timeout_ms);
  void HandleArp();
  void HandleIcmp(uint32_t size);

  NetInterface& interface_;
  IpAddress own_;
  IpAddress other_ = {};
  MacAddress other_mac_ = {};
  bool resolved_ = false;
  std::optional<uint16_t> answered_sequence_;  // of the last echo request with a reply
  uint32_t payload_ = 0;                       // size of the echo requests, in bytes
  uint32_t requests_answered_ = 0;
  std::array<uint8_t, NetInterface::kMaxPacket> packet_ = {};
};

}  // namespace guest

#endif  // TESTDATA_GUEST_PING_H_
