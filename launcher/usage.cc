#include <string_view>

#include "launcher/options.h"

namespace lguest {
namespace {

constexpr std::string_view kUsage =
    R"(Usage: lguest [OPTION]... MEM KERNEL [KERNEL ARGUMENT]...

Runs KERNEL, an lguest guest kernel (vmlinux or bzImage), with MEM megabytes of memory (64, 64m, 1g).
Options may stand anywhere before a --.

  --block=FILE[,readonly][,format=raw][,lock=off]
                            a disk (/dev/vda, or /dev/lgba in Linux 2.6.23); format=raw: also if FILE
                            looks like an image of another format; lock=off: for a file system without
                            locks
  --tunnet=IP[/PREFIX]      a network with this machine, which gets address IP (eth0, eth1, ...)
  --tunnet=bridge:NAME      a network that joins bridge NAME
  --tunnet=tap:NAME         a network through the existing tap NAME
  --tunnet=fd:N             a network through the tap open as file descriptor N
  --sharenet=FILE           a network with the other guests that name FILE
                            each network may end in ,mac=02:00:XX:XX:00:00; the same for all
  --initrd=FILE             an initial RAM disk; several are joined in their order
  --host=HOST               auto, device (/dev/lguest), kvm or sim (a software CPU); auto takes the best
  --sandbox=on|log|off      on: forbid the launcher all system calls that it does not need (default);
                            log: name such calls instead
  --once                    end when the guest requests a restart, instead of starting it again
  --deterministic[=NS][,start=SECONDS]
                            time is NS nanoseconds (2) for each instruction and starts at SECONDS since
                            1970; the same input gives the same run
  --record=FILE             the same, and write to FILE all that comes from outside the guest
  --replay=FILE             repeat a recorded run, without its disks and networks; MEM and KERNEL may be
                            left out
  --gdb=PORT|unix:PATH|stdio
                            wait for gdb before the first instruction; it can go forwards and backwards;
                            implies --deterministic and --sandbox=off
  --script=FILE             write to FILE what the guest does to its host, as a script for tests
  --stats[=FILE]            print statistics at the end, on stderr or to FILE as JSON
  -v, --verbose             print on stderr what is done
  -h, --help                print this
  --version                 print the version

Exit status: 0 the guest powered off, 1 it died, 2 aborted with three ^C, 3 it asked for a restart,
64 usage, 65 a file is not what it should be, 66 a file cannot be opened, 69 no usable host, 70 a
fault of the launcher.
)";

}  // namespace

std::string_view UsageText() { return kUsage; }

}  // namespace lguest
