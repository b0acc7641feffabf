#include "testdata/guest/ping.h"

#include <algorithm>

#include "testdata/guest/boot.h"

namespace guest {
namespace {

constexpr uint32_t kReplyMs = 1000;
constexpr int kTries = 3;
constexpr int kMaxPacketsBeforeReply = 100;  // other traffic on a busy network

// Offsets in an Ethernet frame: its header, then ARP or IP, then ICMP. All numbers are big-endian.
constexpr uint32_t kReceiver = 0;
constexpr uint32_t kSender = 6;
constexpr uint32_t kEtherType = 12;
constexpr uint32_t kArp = 14;
constexpr uint32_t kArpOperation = kArp + 6;
constexpr uint32_t kArpSenderMac = kArp + 8;
constexpr uint32_t kArpSenderIp = kArp + 14;
constexpr uint32_t kArpTargetMac = kArp + 18;
constexpr uint32_t kArpTargetIp = kArp + 24;
constexpr uint32_t kArpEnd = kArp + 28;
constexpr uint32_t kIp = 14;
constexpr uint32_t kIpBytes = 20;
constexpr uint32_t kIpTotal = kIp + 2;
constexpr uint32_t kIpTimeToLive = kIp + 8;
constexpr uint32_t kIpProtocol = kIp + 9;
constexpr uint32_t kIpChecksum = kIp + 10;
constexpr uint32_t kIpSource = kIp + 12;
constexpr uint32_t kIpDestination = kIp + 16;
constexpr uint32_t kIcmp = kIp + kIpBytes;
constexpr uint32_t kIcmpBytes = 8;
constexpr uint32_t kIcmpChecksum = kIcmp + 2;
constexpr uint32_t kIcmpIdentifier = kIcmp + 4;
constexpr uint32_t kIcmpSequence = kIcmp + 6;
constexpr uint32_t kPayload = kIcmp + kIcmpBytes;

constexpr uint16_t kTypeArp = 0x0806;
constexpr uint16_t kTypeIp = 0x0800;
constexpr uint16_t kArpRequest = 1;
constexpr uint16_t kArpReply = 2;
constexpr uint8_t kIpVersionAndWords = 0x45;
constexpr uint8_t kProtocolIcmp = 1;
constexpr uint8_t kEchoRequest = 8;
constexpr uint8_t kEchoReply = 0;
constexpr uint16_t kIdentifier = 0x6c67;

using Packet = std::array<uint8_t, NetInterface::kMaxPacket>;

void Put16(Packet& packet, uint32_t at, uint32_t value) {
  packet[at] = static_cast<uint8_t>(value >> 8);
  packet[at + 1] = static_cast<uint8_t>(value);
}

uint16_t Get16(const Packet& packet, uint32_t at) {
  return static_cast<uint16_t>((packet[at] << 8) | packet[at + 1]);
}

template <typename Address>
void Put(Packet& packet, uint32_t at, const Address& address) {
  std::copy(address.begin(), address.end(), packet.begin() + at);
}

template <typename Address>
Address Get(const Packet& packet, uint32_t at) {
  Address address;
  std::copy_n(packet.begin() + at, address.size(), address.begin());
  return address;
}

// The Internet checksum. Over data that includes a correct checksum, it is 0.
uint16_t Checksum(const Packet& packet, uint32_t start, uint32_t end) {
  uint32_t sum = 0;
  for (uint32_t at = start; at < end; ++at) {
    sum += (at - start) % 2 == 0 ? uint32_t{packet[at]} << 8 : packet[at];
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

void SetChecksum(Packet& packet, uint32_t at, uint32_t start, uint32_t end) {
  Put16(packet, at, 0);
  Put16(packet, at, Checksum(packet, start, end));
}

constexpr uint8_t PayloadByte(uint32_t at) { return static_cast<uint8_t>('a' + at % 26); }

}  // namespace

std::optional<IpAddress> ParseIp(std::string_view text) {
  IpAddress address;
  for (uint8_t& byte : address) {
    const std::string_view digits = NextWord(text, '.');
    uint32_t number = 0;
    for (const char digit : digits) {
      if (digit < '0' || digit > '9' || number > 255) return std::nullopt;
      number = number * 10 + static_cast<uint32_t>(digit - '0');
    }
    if (digits.empty() || number > 255) return std::nullopt;
    byte = static_cast<uint8_t>(number);
  }
  return address;
}

bool Pinger::Resolve(const IpAddress& other) {
  other_ = other;
  resolved_ = false;
  constexpr MacAddress kEverybody = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  for (int i = 0; i < kTries; ++i) {
    Packet request = {};
    Put(request, kReceiver, kEverybody);
    Put(request, kSender, interface_.mac());
    Put16(request, kEtherType, kTypeArp);
    constexpr std::array<uint8_t, 6> kEthernetAndIp = {0, 1, 8, 0, 6, 4};
    Put(request, kArp, kEthernetAndIp);
    Put16(request, kArpOperation, kArpRequest);
    Put(request, kArpSenderMac, interface_.mac());
    Put(request, kArpSenderIp, own_);
    Put(request, kArpTargetIp, other_);
    interface_.Send({request.data(), kArpEnd});
    for (int packets = 0; packets < kMaxPacketsBeforeReply && !resolved_; ++packets) {
      if (!HandlePacket(kReplyMs)) break;
    }
    if (resolved_) return true;
  }
  return false;
}

bool Pinger::Ping(uint16_t sequence, uint32_t bytes) {
  answered_sequence_.reset();
  payload_ = bytes;
  const uint32_t size = kPayload + bytes;
  Packet request = {};
  Put(request, kReceiver, other_mac_);
  Put(request, kSender, interface_.mac());
  Put16(request, kEtherType, kTypeIp);
  request[kIp] = kIpVersionAndWords;
  Put16(request, kIpTotal, size - kIp);
  request[kIpTimeToLive] = 64;
  request[kIpProtocol] = kProtocolIcmp;
  Put(request, kIpSource, own_);
  Put(request, kIpDestination, other_);
  SetChecksum(request, kIpChecksum, kIp, kIcmp);
  request[kIcmp] = kEchoRequest;
  Put16(request, kIcmpIdentifier, kIdentifier);
  Put16(request, kIcmpSequence, sequence);
  for (uint32_t i = 0; i < bytes; ++i) request[kPayload + i] = PayloadByte(i);
  SetChecksum(request, kIcmpChecksum, kIcmp, size);
  interface_.Send({request.data(), size});
  for (int packets = 0; packets < kMaxPacketsBeforeReply; ++packets) {
    if (!HandlePacket(kReplyMs)) return false;
    if (answered_sequence_ == sequence) return true;
  }
  return false;
}

uint32_t Pinger::Answer(uint32_t pings, uint32_t timeout_ms) {
  while (requests_answered_ < pings && HandlePacket(timeout_ms)) {
  }
  return requests_answered_;
}

bool Pinger::HandlePacket(uint32_t timeout_ms) {
  const uint32_t size = interface_.Receive(packet_, timeout_ms);
  if (size == 0) return false;
  if (size >= kArpEnd && Get16(packet_, kEtherType) == kTypeArp) HandleArp();
  if (size >= kPayload && Get16(packet_, kEtherType) == kTypeIp) HandleIcmp(size);
  return true;
}

void Pinger::HandleArp() {
  const auto sender = Get<IpAddress>(packet_, kArpSenderIp);
  const auto sender_mac = Get<MacAddress>(packet_, kArpSenderMac);
  if (Get<IpAddress>(packet_, kArpTargetIp) != own_) return;
  // Most networks could not distinguish another host with the guest's address from the guest.
  if (Get16(packet_, kArpOperation) == kArpReply && sender == other_ &&
      sender_mac != interface_.mac()) {
    other_mac_ = sender_mac;
    resolved_ = true;
  }
  if (Get16(packet_, kArpOperation) != kArpRequest) return;
  Put(packet_, kReceiver, sender_mac);
  Put(packet_, kSender, interface_.mac());
  Put16(packet_, kArpOperation, kArpReply);
  Put(packet_, kArpSenderMac, interface_.mac());
  Put(packet_, kArpSenderIp, own_);
  Put(packet_, kArpTargetMac, sender_mac);
  Put(packet_, kArpTargetIp, sender);
  interface_.Send({packet_.data(), kArpEnd});
}

void Pinger::HandleIcmp(uint32_t size) {
  const uint32_t end = kIp + Get16(packet_, kIpTotal);
  if (packet_[kIp] != kIpVersionAndWords || packet_[kIpProtocol] != kProtocolIcmp) return;
  if (Get<IpAddress>(packet_, kIpDestination) != own_ || end > size || end < kPayload) return;
  if (Checksum(packet_, kIp, kIcmp) != 0 || Checksum(packet_, kIcmp, end) != 0) return;
  if (packet_[kIcmp] == kEchoRequest) {
    Put(packet_, kReceiver, Get<MacAddress>(packet_, kSender));
    Put(packet_, kSender, interface_.mac());
    Put(packet_, kIpDestination, Get<IpAddress>(packet_, kIpSource));
    Put(packet_, kIpSource, own_);
    SetChecksum(packet_, kIpChecksum, kIp, kIcmp);
    packet_[kIcmp] = kEchoReply;
    SetChecksum(packet_, kIcmpChecksum, kIcmp, end);
    interface_.Send({packet_.data(), end});
    ++requests_answered_;
  } else if (packet_[kIcmp] == kEchoReply && Get16(packet_, kIcmpIdentifier) == kIdentifier &&
             end == kPayload + payload_) {
    for (uint32_t i = 0; i < payload_; ++i) {
      if (packet_[kPayload + i] != PayloadByte(i)) return;
    }
    answered_sequence_ = Get16(packet_, kIcmpSequence);
  }
}

}  // namespace guest
