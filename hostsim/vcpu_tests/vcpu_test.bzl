"""vcpu_test: tests that run on every CPU: here on the software CPU, and on KVM in //launcher/tests/on_kvm."""

load("//tools:cc.bzl", "cc_library", "cc_test")

def vcpu_test(name, deps, srcs = None, hdrs = [], visibility = ["//launcher/tests/on_kvm:__pkg__"]):
    """Declares the library NAME of tests, and the test NAME_on_softcpu.

    Args:
      name: name of the library. Each platform links it with a //hostsim/...:test_platform.
      deps: deps of the sources.
      srcs: the sources. The default is NAME.cc.
      hdrs: headers that other tests may include.
      visibility: visibility of the library.
    """
    cc_library(
        name = name,
        testonly = True,
        srcs = srcs or [name + ".cc"],
        hdrs = hdrs,
        linkstatic = True,
        visibility = visibility,
        deps = deps + [
            "//hostsim/testing:test_machine",
            "@com_google_googletest//:gtest",
        ],
        alwayslink = True,
    )
    cc_test(
        name = name + "_on_softcpu",
        deps = [
            ":" + name,
            "//hostsim/softcpu:test_platform",
            "@com_google_googletest//:gtest_main",
        ],
    )
