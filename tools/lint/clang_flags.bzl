"""Flags that make clang read a source as gcc does, with gcc's headers."""

load("//tools/toolchain:targets.bzl", "FREESTANDING_FLAGS", "MACHINE_FLAGS", "TARGETS", "isystem")

def clang_flags(platform, context, defines = [], copts = []):
    """The flags for sources in C or C++.

    Args:
      platform: the platform of //tools/toolchain that the sources are compiled for.
      context: the CcCompilationContext of the dependencies.
      defines: further preprocessor definitions.
      copts: further compiler flags.

    Returns:
      The list of flags.
    """
    target = TARGETS[platform]
    flags = ["--target=" + target.gnu, "-nostdlibinc"] + MACHINE_FLAGS[target.bazel_cpu]
    if platform == "freestanding_i386":
        # libstdc++'s headers use long double, which clang rejects without floating-point registers.
        flags += [flag for flag in FREESTANDING_FLAGS if flag != "-mgeneral-regs-only"]
    flags += ["-iquote", "."]
    flags += ["-D" + define for define in context.defines.to_list() + defines]
    for directory in context.quote_includes.to_list():
        flags += isystem([directory]) if directory.startswith("external/") else ["-iquote", directory]
    flags += isystem(context.includes.to_list() + context.system_includes.to_list())
    return flags + copts

def c_flags(platform):
    """Returns the further flags for a source in C."""
    return isystem(TARGETS[platform].c_headers[1:])

def cxx_flags(platform):
    """Returns the further flags for a source in C++."""
    target = TARGETS[platform]
    return ["-x", "c++", "-std=c++20", "-nostdinc++"] + isystem(target.cxx_headers + target.c_headers[1:])
