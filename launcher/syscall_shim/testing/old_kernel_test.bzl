"""old_kernel_test: runs tests of other folders as a 32-bit program with the system calls of Linux 2.6.23."""

load("@rules_cc//cc:defs.bzl", "cc_binary")
load("//tools:cc.bzl", "with_prelude")
load("//tools/toolchain:i386.bzl", "i386_binary")

def old_kernel_test(name, srcs, deps, skip = [], **kwargs):
    """Runs a GoogleTest program with only the system calls of Linux 2.6.23.

    Args:
      name: name of the test.
      srcs: the sources of a cc_test that passes on newer kernels.
      deps: its dependencies.
      skip: tests that need features of newer kernels.
      **kwargs: common attributes of tests.
    """
    attributes = with_prelude(dict(
        srcs = srcs,
        deps = deps + [
            "//launcher/syscall_shim",
            "@com_google_googletest//:gtest_main",
        ],
    ))
    cc_binary(
        name = name + "_program",
        testonly = True,
        target_compatible_with = ["@platforms//cpu:x86_32"],
        **attributes
    )
    i386_binary(
        name = name + "_i386",
        testonly = True,
        binary = name + "_program",
        visibility = ["//launcher/tests:__subpackages__"],
    )
    programs = ["//launcher/syscall_shim/testing:linux26", name + "_i386"]
    native.sh_test(
        name = name,
        srcs = ["//launcher/syscall_shim/testing:run.sh"],
        args = ["$(location {})".format(program) for program in programs] +
               ["--gtest_filter=-" + ":".join(skip)],
        data = programs,
        **kwargs
    )
