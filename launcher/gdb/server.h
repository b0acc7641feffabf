// Answers gdb's packets while the guest is stopped.

#ifndef LAUNCHER_GDB_SERVER_H_
#define LAUNCHER_GDB_SERVER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hostsim/debug_stops.h"
#include "hostsim/vcpu.h"
#include "launcher/gdb/connection.h"
#include "launcher/gdb/packet.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::gdb {

// What gdb wants next.
struct Resume {
  enum class Kind : uint8_t {
    kContinue,
    kStep,             // one instruction
    kStepRange,        // until %eip is outside [start, end)
    kReverseStep,      // back by one instruction
    kReverseContinue,  // back to the last breakpoint or watched access
    kGoTo,             // to the instruction `count`
    kDetach,           // gdb is gone; the guest runs on
    kKill,
  };

  Kind kind = Kind::kContinue;
  uint32_t start = 0;
  uint32_t end = 0;
  uint64_t count = 0;
};

// What gdb has asked for and expects to stay.
struct Session {
  bool acknowledges = true;
  std::set<uint32_t> breakpoints;
  std::vector<hostsim::Watchpoint> watchpoints;
};

// The guest is only looked at: gdb cannot change registers or memory, because the run is recorded.
// Every packet may be hostile.
class Server {
 public:
  // Answers a command of `monitor`.
  using Monitor = std::function<std::string(std::string_view command)>;

  // All outlive this. `can_reverse`: reverse execution is offered.
  Server(Connection& connection, hostsim::Vcpu& cpu, GuestMemory& memory, bool can_reverse,
         Monitor monitor);

  // Tells gdb why the guest has stopped, and answers until it is to run. `reply`: a stop reply
  // packet; empty: gdb has not asked for one yet.
  Resume Serve(std::string_view reply);

  // The guest is running and gdb has sent something. True: gdb wants the guest to stop, or is gone.
  bool WantsStop();

  // Gdb has asked for a stop already, right behind the packet that lets the guest run.
  bool TakeInterrupt();

  Session& session() { return session_; }
  // Sets the breakpoints and watchpoints of the session on the CPU.
  void Arm();
  void Disarm();

 private:
  void Send(std::string_view body);
  // Reads the next packet. False: the client is gone.
  bool Receive();

  // Answers the packet in reader_.body(). Returns what to do if the guest is to run.
  std::optional<Resume> Handle(std::string_view packet);
  std::optional<Resume> HandleResume(std::string_view action);
  // `monitor at N`.
  std::optional<Resume> GoToCommand(std::string_view packet) const;
  std::string Query(std::string_view packet);
  std::string ReadMemory(std::string_view packet) const;
  std::string SetPoint(std::string_view packet);
  std::string RunMonitor(std::string_view digits);
  std::string ReadPhysical(std::string_view words) const;

  Connection& connection_;
  hostsim::Vcpu& cpu_;
  hostsim::DebugStops& debug_;
  GuestMemory& memory_;
  const bool can_reverse_;
  const Monitor monitor_;
  PacketReader reader_;
  Session session_;
  std::string last_reply_;
};

}  // namespace lguest::gdb

#endif  // LAUNCHER_GDB_SERVER_H_
