// For anything that a client sends: the server answers or refuses, and never hangs.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "hostsim/debug_stops.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "launcher/gdb/connection.h"
#include "launcher/gdb/packet.h"
#include "launcher/gdb/server.h"
#include "launcher/guest/guest_memory.h"
#include "tools/fuzz/fuzz_target.h"

namespace lguest::gdb {
namespace {

constexpr int kMostResumes = 64;

// Has one page of memory, at address 0.
class FakeDebugStops final : public hostsim::DebugStops {
 public:
  void SetBreakpoint(uint32_t /*address*/) override {}
  void RemoveBreakpoint(uint32_t /*address*/) override {}
  void SetWatchpoint(const hostsim::Watchpoint& /*watchpoint*/) override {}
  void RemoveWatchpoint(const hostsim::Watchpoint& /*watchpoint*/) override {}
  void PassBreakpoint() override {}
  hostsim::DebugHit hit() const override { return {}; }
  size_t Peek(GuestVirt address, std::span<std::byte> to) override {
    return address.value() >= kPageSize ? 0
                                        : std::min<size_t>(to.size(), kPageSize - address.value());
  }
};

class FakeCpu final : public hostsim::ScriptedVcpu {
 public:
  explicit FakeCpu(GuestMemory& memory) : ScriptedVcpu(memory, hostsim::Script()) {}
  hostsim::DebugStops* debug_stops() override { return &stops_; }

 private:
  FakeDebugStops stops_;
};

void Run(const std::string& bytes) {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return;
  const auto memory = GuestMemory::Create(kPageSize).value();
  FakeCpu cpu(*memory);
  const auto connection = Connection::Adopt(ends[0]);
  Server server(*connection, cpu, *memory, /*can_reverse=*/true,
                [](std::string_view command) { return std::string(command.substr(0, 100)); });
  static_cast<void>(write(ends[1], bytes.data(), bytes.size()));
  shutdown(ends[1], SHUT_WR);
  for (int i = 0; i < kMostResumes; ++i) {
    if (server.Serve("T05").kind == Resume::Kind::kDetach) break;
  }
  server.Arm();
  server.Disarm();
  close(ends[1]);
}

}  // namespace
}  // namespace lguest::gdb

// The input: packets, divided by line feeds; and the whole as it is.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMost = 4096;
  const std::string input(reinterpret_cast<const char*>(data), std::min(size, kMost));
  lguest::gdb::Run(input);
  std::string packets = lguest::gdb::EncodePacket("QStartNoAckMode");
  for (size_t start = 0; start < input.size();) {
    const size_t end = std::min(input.find('\n', start), input.size());
    packets += lguest::gdb::EncodePacket(std::string_view(input).substr(start, end - start));
    start = end + 1;
  }
  lguest::gdb::Run(packets);
  return 0;
}
