"""Builds programs for i386, whatever platform the command line selects: Linux programs, and guests without a system."""

load("//tools/lint:clang_tidy.bzl", "clang_tidy_test")
load(":transitions.bzl", "PLATFORM_ATTRS", "platform_transition")

def _program_impl(ctx):
    program = ctx.attr.binary[0][DefaultInfo]
    out = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = out, target_file = program.files_to_run.executable, is_executable = True)

    # Leave out the original: its path in the runfiles is also that of the x86-64 program of the same name.
    original = program.files_to_run.executable
    runfiles = [file for file in program.default_runfiles.files.to_list() if file != original]
    return [DefaultInfo(executable = out, files = depset([out]), runfiles = ctx.runfiles(runfiles))]

_ATTRS = dict(
    PLATFORM_ATTRS,
    binary = attr.label(cfg = platform_transition, mandatory = True, doc = "The cc_binary or cc_test to build."),
)

_program = rule(implementation = _program_impl, attrs = _ATTRS, executable = True)

_program_test = rule(implementation = _program_impl, attrs = _ATTRS, test = True)

def i386_binary(name, binary, **kwargs):
    """A cc_binary built for i386 Linux: static, and linked at 0xb8000000, above the addresses that a guest can use."""
    _program(name = name, binary = binary, platform = "linux_i386", **kwargs)

def i386_test(name, binary, **kwargs):
    """A cc_test built for i386 Linux, and run here."""
    _program_test(name = name, binary = binary, platform = "linux_i386", **kwargs)

def freestanding_i386_binary(name, srcs, linker_script, copts = [], deps = [], testonly = False, visibility = None):
    """An i386 ELF file that runs without an operating system, such as a guest's vmlinux.

    Args:
      name: name of the ELF file.
      srcs: C, C++ and assembly sources and headers.
      linker_script: the script that lays the ELF file out.
      copts: further compiler flags.
      deps: freestanding cc_libraries.
      testonly: as in every rule.
      visibility: as in every rule.
    """
    elf = name + ".elf"
    native.cc_binary(
        name = elf,
        srcs = srcs,
        additional_linker_inputs = [linker_script],
        copts = copts,
        linkopts = ["-T", "$(location {})".format(linker_script)],
        tags = ["manual"],
        target_compatible_with = [
            "@platforms//cpu:x86_32",
            "@platforms//os:none",
        ],
        testonly = testonly,
        visibility = ["//visibility:private"],
        deps = deps,
    )
    _program(
        name = name,
        binary = elf,
        platform = "freestanding_i386",
        testonly = testonly,
        visibility = visibility,
    )
    clang_tidy_test(
        name = name + "_tidy",
        size = "small",
        srcs = srcs,
        tags = ["lint"],
        copts = copts,
        platform = "freestanding_i386",
        deps = deps,
    )
