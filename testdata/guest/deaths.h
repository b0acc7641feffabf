// Ways to end the guest abnormally, for the tests of hosts and launchers.

#ifndef TESTDATA_GUEST_DEATHS_H_
#define TESTDATA_GUEST_DEATHS_H_

#include <string_view>

namespace guest {

// Makes the host kill the guest for `cause`. If `cause` is unknown, or the host does not kill the
// guest, the guest crashes.
[[noreturn]] void Die(std::string_view cause);

// Loops forever with interrupts off.
[[noreturn]] void Hang();

// Prints numbered lines forever.
[[noreturn]] void FloodConsole();

}  // namespace guest

#endif  // TESTDATA_GUEST_DEATHS_H_
