"""Flags for code that is compiled more often than it runs."""

# Where nobody asked for an optimised build, the compiler need not optimise tests, nor what they are written with.
QUICK_COPTS = select({
    "@lguest//tools/toolchain:fastbuild": ["-O0"],
    "//conditions:default": [],
})
