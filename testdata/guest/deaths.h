// Bad ends, for the tests of hosts and launchers.

#ifndef TESTDATA_GUEST_DEATHS_H_
#define TESTDATA_GUEST_DEATHS_H_

#include <string_view>

namespace guest {

// Makes the host kill the guest for this cause; a cause that it does not know, or survives, crashes
// the guest.
[[noreturn]] void Die(std::string_view cause);

// Spins for ever, with interrupts off.
[[noreturn]] void Hang();

// Prints numbered lines for ever.
[[noreturn]] void FloodConsole();

}  // namespace guest

#endif  // TESTDATA_GUEST_DEATHS_H_
