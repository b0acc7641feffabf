"""Programs for i386, whatever the command line builds for: Linux programs, and guests that run on no system at all."""

# What a command line may ask of our own programs, but makes no sense in a guest or with a static C library.
_HOST_ONLY_FEATURES = ["asan", "tsan"]

def _i386_settings(settings, platform):
    return {
        "//command_line_option:collect_code_coverage": False,
        "//command_line_option:cpu": "i386",
        "//command_line_option:features": [
            name
            for name in settings["//command_line_option:features"]
            if name not in _HOST_ONLY_FEATURES
        ],
        "//command_line_option:platforms": platform,
    }

def _linux_impl(settings, _):
    return _i386_settings(settings, "//tools/toolchain:linux_i386")

def _freestanding_impl(settings, _):
    return _i386_settings(settings, "//tools/toolchain:freestanding_i386")

_INPUTS = ["//command_line_option:features"]

_OUTPUTS = [
    "//command_line_option:collect_code_coverage",
    "//command_line_option:cpu",
    "//command_line_option:features",
    "//command_line_option:platforms",
]

_linux = transition(implementation = _linux_impl, inputs = _INPUTS, outputs = _OUTPUTS)

_freestanding = transition(implementation = _freestanding_impl, inputs = _INPUTS, outputs = _OUTPUTS)

def _program_impl(ctx):
    program = ctx.attr.binary[0][DefaultInfo]
    out = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = out, target_file = program.files_to_run.executable, is_executable = True)
    return [DefaultInfo(executable = out, files = depset([out]), runfiles = program.default_runfiles)]

def _attrs(settings):
    return {
        "binary": attr.label(cfg = settings, mandatory = True, doc = "The cc_binary (or, for a test, cc_test) to build."),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    }

i386_binary = rule(
    doc = "A cc_binary built for i386 Linux: static, and linked at 0xb8000000, above all that a guest can reach.",
    implementation = _program_impl,
    attrs = _attrs(_linux),
    executable = True,
)

i386_test = rule(
    doc = "A cc_test (tagged 'manual' if it is for i386 only) built for i386 Linux, and run here.",
    implementation = _program_impl,
    attrs = _attrs(_linux),
    test = True,
)

_freestanding_program = rule(
    doc = "A cc_binary built for no operating system.",
    implementation = _program_impl,
    attrs = _attrs(_freestanding),
    executable = True,
)

def freestanding_i386_binary(name, srcs, linker_script, copts = [], deps = [], testonly = False, visibility = None):
    """An i386 ELF file for the bare machine, as a guest's vmlinux is.

    Args:
      name: the ELF file.
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
    _freestanding_program(
        name = name,
        binary = elf,
        testonly = testonly,
        visibility = visibility,
    )
