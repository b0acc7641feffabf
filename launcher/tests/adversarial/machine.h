// A whole launcher for guests that mean harm: every device, the bus, the run loop and a software
// host, whose guest plays a script.

#ifndef LAUNCHER_TESTS_ADVERSARIAL_MACHINE_H_
#define LAUNCHER_TESTS_ADVERSARIAL_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "devices/net/net_slot.h"
#include "devices/net/peer_sockets.h"
#include "devices/net/shared_net_file.h"
#include "hostsim/testing/script.h"
#include "hostsim/testing/script_code.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/base/unique_fd.h"
#include "launcher/guest/address.h"

namespace lguest {

// What plays a script: one that does so by itself, or code on the CPU that the program is linked
// with.
enum class AttackerCpu : uint8_t { kScripted, kCode };

// The kinds that a suite runs on: both, but code alone on a slow platform.
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

// A disk in a file, a network whose other end is a socket, a network among guests with one other
// guest, and a console; input waits at each of them.
class AttackMachine {
 public:
  static constexpr uint32_t kSectors = 64;

  AttackMachine();

  // Runs the guest of `script` until it dies. Returns the reason, after the expectations of the
  // script that were not met, if any.
  std::string Run(const hostsim::Script& script, AttackerCpu cpu);

  std::string Disk() const { return dir_.Contents("disk"); }
  static std::string UntouchedDisk();
  std::string screen() const { return dir_.Contents("screen"); }
  int notices() const { return notices_; }

  // The other guest's part of the network among guests, and a word in the page it shares with this
  // one.
  PeerSockets& peer() { return *peer_sockets_; }
  std::string NetFile() const { return dir_.Path("net"); }

 private:
  TempDir dir_;
  UniqueFd keyboard_;      // where the user types
  UniqueFd keyboard_end_;  // where the launcher reads that
  UniqueFd network_;       // the far end of the guest's network
  UniqueFd network_end_;   // the launcher's
  std::unique_ptr<SharedNetFile> peer_;
  std::unique_ptr<PeerSockets> peer_sockets_;
  int notices_ = 0;
};

// Steps of scripts.
void RequestBlock(hostsim::Script& script, int32_t type, uint32_t sector, uint32_t bytes);

// The guest turns honest: it reads a sector, prints "alive" and says why it is at its end. Its
// buffers and interrupts have to work for that, whatever came before.
void AppendHonestEnding(hostsim::Script& script);
inline constexpr char kHonestEnding[] = "CRASH: honest to the end";

}  // namespace lguest

#endif  // LAUNCHER_TESTS_ADVERSARIAL_MACHINE_H_
