"""Transitions that build a part of the project for another platform than the command line selects."""

load(":targets.bzl", "TARGETS")

# Features that the command line may turn on for x86-64 programs. A guest or a static C library does not support them.
_X86_64_ONLY_FEATURES = ["asan", "tsan"]

_SETTINGS = [
    "//command_line_option:collect_code_coverage",
    "//command_line_option:cpu",
    "//command_line_option:features",
    "//command_line_option:platforms",
]

def _platform_impl(settings, attr):
    if attr.platform == "linux_x86_64":
        return settings
    return {
        "//command_line_option:collect_code_coverage": False,
        "//command_line_option:cpu": TARGETS[attr.platform].bazel_cpu,
        "//command_line_option:features": [
            name
            for name in settings["//command_line_option:features"]
            if name not in _X86_64_ONLY_FEATURES
        ],
        "//command_line_option:platforms": "//tools/toolchain:" + attr.platform,
    }

# Switches to the platform that the attribute "platform" of the rule names.
platform_transition = transition(
    implementation = _platform_impl,
    inputs = _SETTINGS,
    outputs = _SETTINGS,
)

PLATFORM_ATTRS = {
    "platform": attr.string(
        default = "linux_x86_64",
        doc = "The platform of //tools/toolchain to build for.",
        values = TARGETS.keys(),
    ),
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
}
