"""The C++ rules of this project: Bazel's native rules, plus a prelude and a clang-tidy test for each target."""

load("//tools/lint:clang_tidy.bzl", "clang_tidy_test")
load("//tools/prelude:prelude.bzl", "prelude_copts")
load("//tools/toolchain:quick.bzl", "QUICK_COPTS")

_I386 = "@platforms//cpu:x86_32"

# (library, prelude, copts): a target that depends on the library gets the prelude and the copts. The first match counts.
_PRELUDES = [
    ("@com_google_googletest//:gtest_main", "//tools/prelude:gtest", QUICK_COPTS),
    ("@com_google_googletest//:gtest", "//tools/prelude:gtest", QUICK_COPTS),
    ("@com_google_benchmark//:benchmark_main", "//tools/prelude:benchmark", QUICK_COPTS),
    ("@com_google_benchmark//:benchmark", "//tools/prelude:benchmark", QUICK_COPTS),
    ("@com_google_absl//:absl", "//tools/prelude:absl", []),
]

def _prelude(attributes):
    """Returns the prelude and its flags for these attributes, or None. Targets with assembly or with a select() in deps have none."""
    deps = attributes.get("deps", [])
    assembly = [source for source in attributes.get("srcs", []) if source.endswith(".S")]
    if assembly or type(deps) != type([]):
        return None
    for library, prelude, copts in _PRELUDES:
        if library in deps:
            return struct(label = prelude, copts = copts)
    return None

def _unless_fuzzing(values):
    """A prelude is precompiled for gcc. Fuzz targets are compiled with clang, so they have none."""
    return select({
        "//tools/toolchain:fuzz": [],
        "//conditions:default": values,
    })

def with_prelude(attributes):
    """Adds the target's prelude, if it has one, to the attributes of a C++ rule.

    Args:
      attributes: the attributes of the rule, by name.

    Returns:
      The attributes with the flags and the dependency of the prelude added.
    """
    prelude = _prelude(attributes)
    if not prelude:
        return attributes
    return dict(
        attributes,
        copts = attributes.get("copts", []) + prelude.copts + _unless_fuzzing(prelude_copts(prelude.label)),
        deps = attributes["deps"] + _unless_fuzzing([prelude.label]),
    )

def _only_i386(attributes):
    return _I386 in attributes.get("target_compatible_with", [])

def _tidy(name, attributes, deps = []):
    """Declares the clang-tidy test of the target `name`. `deps` are added to the deps in the attributes."""
    sources = attributes.get("srcs", []) + attributes.get("hdrs", [])
    if not sources:
        return

    # prelude() compiles its header for clang on x86-64 only.
    prelude = None if _only_i386(attributes) else _prelude(attributes)
    clang_tidy_test(
        name = name + "_tidy",
        tags = [
            "lint",
            "no-sandbox",  # A sandbox would cost more than the test, which only prints a report.
        ],
        size = "small",
        srcs = sources,
        copts = attributes.get("copts", []),
        defines = attributes.get("defines", []) + attributes.get("local_defines", []),
        platform = "linux_i386" if _only_i386(attributes) else "linux_x86_64",
        prelude = prelude.label if prelude else None,
        deps = attributes.get("deps", []) + deps,
    )

def cc_library(name, **kwargs):
    native.cc_library(name = name, **with_prelude(kwargs))
    _tidy(name, kwargs, deps = [name])

def cc_binary(name, **kwargs):
    native.cc_binary(name = name, **with_prelude(kwargs))
    _tidy(name, kwargs)

def cc_test(name, size = "small", **kwargs):
    native.cc_test(name = name, size = size, **with_prelude(kwargs))
    _tidy(name, kwargs)
