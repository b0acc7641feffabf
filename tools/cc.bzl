"""The C++ rules of this project: Bazel's own, each with a test that runs clang-tidy over its sources."""

load("//tools/lint:clang_tidy.bzl", "clang_tidy_test")

_I386 = "@platforms//cpu:x86_32"

def _tidy(name, attributes, deps = []):
    """Declares the clang-tidy test of the target `name` with these attributes, `deps` being further ones."""
    only_i386 = _I386 in attributes.get("target_compatible_with", [])
    clang_tidy_test(
        name = name + "_tidy",
        tags = ["lint"],
        size = "small",
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
    _tidy(name, kwargs)
