"""The C++ rules of this project: Bazel's own, each with a prelude and a test that runs clang-tidy over its sources."""

load("//tools/lint:clang_tidy.bzl", "clang_tidy_test")
load("//tools/prelude:prelude.bzl", "prelude_copts")

_I386 = "@platforms//cpu:x86_32"

# The prelude of a target, by the library that it depends on; the first one counts.
_PRELUDES = [
    ("@com_google_googletest//:gtest_main", "//tools/prelude:gtest"),
    ("@com_google_googletest//:gtest", "//tools/prelude:gtest"),
    ("@com_google_absl//:absl", "//tools/prelude:absl"),
]

# Where it is used: a forgotten include of a library does not go unnoticed in its i386 build.
_PRELUDE_PLATFORMS = {
    "//tools/prelude:absl": ["@platforms//cpu:x86_64"],
    "//tools/prelude:gtest": ["@platforms//cpu:x86_32", "@platforms//cpu:x86_64"],
}

def _prelude(attributes):
    """Returns the prelude of the target with these attributes, or None: assembly and a select() of libraries have none."""
    deps = attributes.get("deps", [])
    assembly = [source for source in attributes.get("srcs", []) if source.endswith(".S")]
    if assembly or _only_i386(attributes) or type(deps) != type([]):
        return None
    for library, prelude in _PRELUDES:
        if library in deps:
            return prelude
    return None

def _on_its_platforms(prelude, values):
    cases = {platform: values for platform in _PRELUDE_PLATFORMS[prelude]}
    return select(dict(cases, **{"//conditions:default": []}))

def _with_prelude(attributes):
    """Returns the attributes of a target that begins its sources with its prelude."""
    prelude = _prelude(attributes)
    if not prelude:
        return attributes
    return dict(
        attributes,
        copts = attributes.get("copts", []) + _on_its_platforms(prelude, prelude_copts(prelude)),
        deps = attributes["deps"] + _on_its_platforms(prelude, [prelude]),
    )

def _only_i386(attributes):
    return _I386 in attributes.get("target_compatible_with", [])

def _tidy(name, attributes, deps = []):
    """Declares the clang-tidy test of the target `name` with these attributes, `deps` being further ones."""
    clang_tidy_test(
        name = name + "_tidy",
        tags = ["lint"],
        size = "small",
        srcs = attributes.get("srcs", []) + attributes.get("hdrs", []),
        copts = attributes.get("copts", []),
        defines = attributes.get("defines", []) + attributes.get("local_defines", []),
        platform = "linux_i386" if _only_i386(attributes) else "linux_x86_64",
        prelude = _prelude(attributes),
        deps = attributes.get("deps", []) + deps,
    )

def cc_library(name, **kwargs):
    native.cc_library(name = name, **_with_prelude(kwargs))
    _tidy(name, kwargs, deps = [name])

def cc_binary(name, **kwargs):
    native.cc_binary(name = name, **_with_prelude(kwargs))
    _tidy(name, kwargs)

def cc_test(name, size = "small", **kwargs):
    native.cc_test(name = name, size = size, **_with_prelude(kwargs))
    _tidy(name, kwargs)
