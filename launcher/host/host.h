// What /dev/lguest offers to a launcher, as a type.

#ifndef LAUNCHER_HOST_HOST_H_
#define LAUNCHER_HOST_HOST_H_

#include <cstdint>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/guest/address.h"

namespace lguest {

// What a host has to know to start a guest.
struct BootState {
  uint32_t pfn_limit = 0;    // pages of guest memory, device pages included
  GuestPhys page_directory;  // the initial one
  GuestVirt entry;           // the first instruction
  uint32_t page_offset = 0;  // virtual minus physical address of the guest's linear map
};

// Why Run() came back.
struct DmaSent {  // the guest sent `dma` (unchecked!) to `key`, where only the launcher can be
                  // listening
  GuestPhys dma;
  DmaKey key;
};
struct BrokenOut {};       // BreakOut() was called and nobody has called Resume() since
struct SignalReceived {};  // a signal arrived
struct Died {              // the guest is no more; an orderly power-off is "CRASH: Power down"
  std::string reason;
};
using Exit = std::variant<DmaSent, BrokenOut, SignalReceived, Died>;

// A buffer that the guest has bound to a key, to be filled by the launcher. The guest chose every
// number in it.
struct BoundDma {
  GuestPhys dma;
  uint32_t irq = 0;  // to be raised when the buffer has been filled
};

// Who carries the packets between guests of one network.
enum class PacketMover : uint8_t {
  kHost,      // as the real /dev/lguest does
  kLauncher,  // through sockets beside the network's file
};

// One guest. The thread that calls Initialize() owns it and alone calls everything else, save where
// noted.
//
// Once the guest has died, Run() returns Died, each time, and all other calls fail with ENOENT's
// status (NotFound): a caller that meets one learns the reason from the next Run().
class Host {
 public:
  virtual ~Host() = default;

  // Once, first. InvalidArgument when the boot state cannot be; ResourceExhausted when the host has
  // no room.
  virtual absl::Status Initialize(const BootState& boot) = 0;

  // Runs the guest until there is something to do.
  virtual absl::StatusOr<Exit> Run() = 0;

  // The next free buffer that the guest has bound to `key`; NotFound when there is none.
  virtual absl::StatusOr<BoundDma> GetDma(DmaKey key) = 0;

  // Marks interrupt `irq` (< 32, else InvalidArgument) as pending in the guest.
  virtual absl::Status RaiseInterrupt(uint32_t irq) = 0;

  // Makes Run() return BrokenOut, now if it is running, and blocks until Resume(). From any thread
  // but, of sense, the owner's. NotFound at once when the guest is dead.
  virtual absl::Status BreakOut() = 0;

  // Ends the break-out and lets every BreakOut() caller go on. From any thread.
  virtual absl::Status Resume() = 0;
};

}  // namespace lguest

#endif  // LAUNCHER_HOST_HOST_H_
