"""Flags for code that is compiled more often than it runs."""

# In fastbuild mode, tests and the libraries for tests are not optimized: that saves more compile time than it costs run
# time.
QUICK_COPTS = select({
    "@lguest//tools/toolchain:fastbuild": ["-O0"],
    "//conditions:default": [],
})
