// Functions that replace functions of the library at link time. With `ld --wrap=x` the library's
// calls of x from another of its object files call __wrap_x, and __real_x is the library's own x.
// Each of them is also listed in WRAPPED of BUILD.bazel.

#ifndef HOSTSIM_SOFTCPU_LINK_WRAP_H_
#define HOSTSIM_SOFTCPU_LINK_WRAP_H_

#define LGUEST_WRAP(symbol) asm("__wrap_" #symbol)
#define LGUEST_REAL(symbol) asm("__real_" #symbol)

#endif  // HOSTSIM_SOFTCPU_LINK_WRAP_H_
