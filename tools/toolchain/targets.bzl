"""The targets of the toolchain, and the paths of their headers and libraries in @gcc12."""

GCC_ROOT = "external/gcc12/"

def _target(bazel_cpu, gnu, gcc):
    """Returns a target: `gnu` is Debian's name of the architecture, `gcc` is the compiler's."""
    return struct(
        bazel_cpu = bazel_cpu,
        gnu = gnu,
        c_headers = [
            GCC_ROOT + "usr/lib/gcc/x86_64-linux-gnu/12/include",
            GCC_ROOT + "usr/include/" + gnu,
            GCC_ROOT + "usr/include",
        ],
        cxx_headers = [
            GCC_ROOT + "usr/include/c++/12",
            GCC_ROOT + "usr/include/" + gnu + "/c++/12",
        ],
        gcc_libraries = GCC_ROOT + "usr/lib/gcc/" + gcc + "/12",
        libraries = [
            GCC_ROOT + "usr/lib/" + gnu,
            GCC_ROOT + "lib/" + gnu,
        ],
    )

_X86_64 = _target("k8", "x86_64-linux-gnu", "x86_64-linux-gnu")
_I386 = _target("i386", "i386-linux-gnu", "i686-linux-gnu")

# The keys are the names of the platforms in BUILD.bazel. The freestanding target has the C library's headers, because the
# C++ headers include them, but it does not link the C library.
TARGETS = {
    "freestanding_i386": _I386,
    "fuzz_x86_64": _X86_64,
    "linux_i386": _I386,
    "linux_x86_64": _X86_64,
}

MACHINE_FLAGS = {
    "i386": ["-m32", "-march=i686"],
    "k8": [],
}

FREESTANDING_FLAGS = [
    "-ffreestanding",
    "-fno-pic",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    # A guest must set up the FPU before it uses FPU registers.
    "-mgeneral-regs-only",
]

def isystem(directories):
    """Returns the compiler flags that make `directories` system header directories."""
    return [flag for directory in directories for flag in ("-isystem", directory)]
