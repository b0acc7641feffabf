"""Changes of the platform that a part of the build is for, whatever the command line builds for."""

load(":targets.bzl", "TARGETS")

# What a command line may ask of our own programs, but makes no sense in a guest or with a static C library.
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

# For the platform that the rule's attribute "platform" names.
platform_transition = transition(
    implementation = _platform_impl,
    inputs = _SETTINGS,
    outputs = _SETTINGS,
)

PLATFORM_ATTRS = {
    "platform": attr.string(
        default = "linux_x86_64",
        doc = "Which of the platforms of //tools/toolchain to build for.",
        values = TARGETS.keys(),
    ),
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
}
