"""The C++ rules of this project: Bazel's own, each with a test that runs clang-tidy over its sources."""

load("//tools/lint:clang_tidy.bzl", "clang_tidy_test")

# A check looks at every header that is included, and GoogleTest's are many: these take half of the time there, for what
# matters least in a test.
_NOT_FOR_TESTS = "-bugprone-swapped-arguments,-bugprone-use-after-move,-misc-unused-using-decls,-readability-identifier-naming"

_I386 = "@platforms//cpu:x86_32"

def _tidy(name, attributes, deps = [], checks = ""):
    """Declares the clang-tidy test of the target `name` with these attributes, `deps` being further ones and `checks` what to change in the list."""
    only_i386 = _I386 in attributes.get("target_compatible_with", [])
    clang_tidy_test(
        name = name + "_tidy",
        size = "small",
        checks = checks,
        srcs = attributes.get("srcs", []) + attributes.get("hdrs", []),
        copts = attributes.get("copts", []),
        defines = attributes.get("defines", []) + attributes.get("local_defines", []),
        platform = "linux_i386" if only_i386 else "linux_x86_64",
        deps = attributes.get("deps", []) + deps,
    )

def cc_library(name, **kwargs):
    native.cc_library(name = name, **kwargs)
    _tidy(name, kwargs, deps = [name])

def cc_binary(name, **kwargs):
    native.cc_binary(name = name, **kwargs)
    _tidy(name, kwargs)

def cc_test(name, size = "small", **kwargs):
    native.cc_test(name = name, size = size, **kwargs)
    _tidy(name, kwargs, checks = _NOT_FOR_TESTS)
