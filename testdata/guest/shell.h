// The interactive demo.

#ifndef TESTDATA_GUEST_SHELL_H_
#define TESTDATA_GUEST_SHELL_H_

namespace guest {

// Prints a greeting, then reads and executes commands until one of them ends the guest.
[[noreturn]] void RunShell();

}  // namespace guest

#endif  // TESTDATA_GUEST_SHELL_H_
