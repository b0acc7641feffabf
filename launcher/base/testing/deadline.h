// Makes a test that would wait for ever fail at once.

#ifndef LAUNCHER_BASE_TESTING_DEADLINE_H_
#define LAUNCHER_BASE_TESTING_DEADLINE_H_

#include <unistd.h>

namespace lguest {

// SIGALRM ends the program if an object lives longer than `seconds`. The program's last line names
// the test that did not end. The time is much more than any test takes, on a slow machine too.
class Deadline {
 public:
  explicit Deadline(unsigned seconds = 20) { alarm(seconds); }
  ~Deadline() { alarm(0); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_TESTING_DEADLINE_H_
