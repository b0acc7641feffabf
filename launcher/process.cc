#include "launcher/process.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>

namespace lguest {

void FillStandardDescriptors() {
  for (const int wanted : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(wanted, F_GETFD) != -1 || errno != EBADF) continue;
    // open() returns the lowest free descriptor: `wanted`, because those below are open.
    if (open("/dev/null", O_RDWR) == -1) {
      // No /dev in this root. A directory cannot be read or written, but occupies the number.
      static_cast<void>(open("/", O_RDONLY | O_DIRECTORY));
    }
  }
}

void MakeWriteErrorsHarmless() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool HasOneProcessor() {
  cpu_set_t processors;
  return sched_getaffinity(0, sizeof(processors), &processors) == 0 && CPU_COUNT(&processors) == 1;
}

}  // namespace lguest
