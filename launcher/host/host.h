// The interface of whatever runs a guest: /dev/lguest, or a software host.

#ifndef LAUNCHER_HOST_HOST_H_
#define LAUNCHER_HOST_HOST_H_

#include <cstdint>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/host/guest_io.h"

namespace lguest {

// The state in which a guest starts (ABI.md §3, VIRTIO_ABI.md §2).
struct BootState {
  uint32_t pfn_limit = 0;    // pages of guest memory, device pages included
  GuestPhys page_directory;  // the initial one; ignored if the generation starts without it
  GuestVirt entry;           // the first instruction
  uint32_t page_offset = 0;  // virtual minus physical address of the guest's linear map
  const GuestAbi* abi = &FirstGuestAbi();  // the guest's generation
  GuestIo* io = nullptr;  // what is behind ports and device memory; nullptr: nothing. Outlives the
                          // host
};

// Why Run() returned.
struct DmaSent {  // the guest sent `dma` to `key`; neither is checked
  GuestPhys dma;
  DmaKey key;
};
struct Notified {  // the guest executed NOTIFY with this address, which is not checked; or an
                   // access to GuestIo asked for it: 0
  GuestPhys address;
};
struct RestartRequested {};  // the guest executed SHUTDOWN for a restart, and waits for Restart()
struct BrokenOut {};         // BreakOut() was called and nobody has called Resume() since, or the
                             // owner has called RequestBreakOut()
struct SignalReceived {};    // a signal arrived
struct Died {                // the guest is dead; an orderly power-off is "CRASH: Power down"
  std::string reason;
};
using Exit = std::variant<DmaSent, Notified, RestartRequested, BrokenOut, SignalReceived, Died>;

// A buffer that the guest has bound to a key, for the launcher to fill. The guest chose all numbers
// in it.
struct BoundDma {
  GuestPhys dma;
  uint32_t irq = 0;  // to raise when the buffer is filled
};

// Who carries packets between the guests of one network.
enum class PacketMover : uint8_t {
  kHost,      // the host, like the real /dev/lguest
  kLauncher,  // the launchers, through sockets beside the network's file
};

// One guest. The thread that calls Initialize() is its owner. Only the owner calls the other
// methods, except where noted.
//
// Once the guest has died, each Run() returns Died, and all other methods fail with NotFound (the
// status of ENOENT). The next Run() gives the reason.
class Host {
 public:
  virtual ~Host() = default;

  // Starts the guest. Once, before all other methods. InvalidArgument for a boot state that is not
  // possible; Unimplemented for a generation that the host does not serve; ResourceExhausted if the
  // host cannot run one more guest.
  virtual absl::Status Initialize(const BootState& boot) = 0;

  // Starts the guest again, after Run() has returned RestartRequested. The caller has restored
  // guest memory. Unimplemented if the host serves no guest that can request it.
  virtual absl::Status Restart(const BootState& /*boot*/) {
    return absl::UnimplementedError("this host starts each guest once");
  }

  // Runs the guest until the launcher has something to do.
  virtual absl::StatusOr<Exit> Run() = 0;

  // The next free buffer that the guest has bound to `key`; NotFound if there is none.
  virtual absl::StatusOr<BoundDma> GetDma(DmaKey key) = 0;

  // Marks interrupt `irq` (< 32, else InvalidArgument) as pending in the guest.
  virtual absl::Status RaiseInterrupt(uint32_t irq) = 0;

  // Makes Run() return BrokenOut, now if it is running, and blocks until Resume(). From any thread
  // but the owner: it would block forever. NotFound at once if the guest is dead.
  virtual absl::Status BreakOut() = 0;

  // Ends the break-out and releases every caller of BreakOut(). From any thread.
  virtual absl::Status Resume() = 0;

  // Makes Run() return BrokenOut before the guest runs on: the current Run() if the caller is a
  // function that it called, else the next one. One Run() only, after any number of requests, and
  // without Resume(). By the owner. Never blocks.
  virtual void RequestBreakOut() = 0;
};

}  // namespace lguest

#endif  // LAUNCHER_HOST_HOST_H_
