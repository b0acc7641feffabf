// A whole launcher for hostile guests: every device, the bus, the run loop, and a software host
// with a scripted guest.

#ifndef LAUNCHER_TESTS_ADVERSARIAL_MACHINE_H_
#define LAUNCHER_TESTS_ADVERSARIAL_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "devices/net/peer_sockets.h"
#include "devices/net/shared_net_file.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/script_code.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/base/unique_fd.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest {

// The CPU that plays a script: the scripted CPU, or the CPU under test, which runs the script as
// code.
enum class AttackerCpu : uint8_t { kScripted, kCode };

// The kinds of CPU that a suite runs on: both, or only kCode on a slow platform.
std::vector<AttackerCpu> CpusUnderTest();

// Device pages, and the interrupts of the devices.
inline constexpr uint32_t kRam = hostsim::kScriptMemorySize;
inline constexpr uint32_t kDescriptors = kRam;
inline constexpr GuestPhys kBlockPage(kRam + 1 * kPageSize);
inline constexpr GuestPhys kTunPage(kRam + 2 * kPageSize);
inline constexpr GuestPhys kSharePage(kRam + 3 * kPageSize);
inline constexpr uint32_t kTop = kRam + 4 * kPageSize;
inline constexpr DmaKey kBlockKey(kBlockPage.value());
inline constexpr uint32_t kBlockIrq = 1;
inline constexpr uint32_t kTunIrq = 2;
inline constexpr uint32_t kShareIrq = 3;
inline constexpr uint32_t kConsoleIrq = 4;

// A disk in a file, a network whose other end is a socket, a shared network with one other guest,
// and a console. Input is pending at each of them.
class AttackMachine {
 public:
  static constexpr uint32_t kSectors = 64;

  AttackMachine();

  // Runs the guest of `script` until it dies. Returns the failed expectations of the script, if
  // any, then the reason.
  std::string Run(const hostsim::Script& script, AttackerCpu cpu);

  std::string Disk() const { return dir_.Contents("disk"); }
  static std::string UntouchedDisk();
  std::string screen() const { return dir_.Contents("screen"); }
  int notices() const { return notices_; }

  // The other guest's end of the shared network, and a word in the page that it shares with this
  // guest.
  PeerSockets& peer() { return *peer_sockets_; }
  std::string NetFile() const { return dir_.Path("net"); }

 private:
  TempDir dir_;
  UniqueFd keyboard_;      // the user's end of the terminal
  UniqueFd keyboard_end_;  // the launcher's end
  UniqueFd network_;       // the other end of the guest's network
  UniqueFd network_end_;   // the launcher's end
  std::unique_ptr<SharedNetFile> peer_;
  std::unique_ptr<PeerSockets> peer_sockets_;
  int notices_ = 0;
};

// Steps of scripts.
void RequestBlock(hostsim::Script& script, int32_t type, uint32_t sector, uint32_t bytes);

// Appends a check that the guest still works: it reads a sector, prints "alive" and crashes with
// kFinalReason's reason. The check needs working buffers and interrupts.
void AppendFinalCheck(hostsim::Script& script);
inline constexpr char kFinalReason[] = "CRASH: still working";

}  // namespace lguest

#endif  // LAUNCHER_TESTS_ADVERSARIAL_MACHINE_H_
