"""vcpu_test: tests that run on every CPU: here on the software CPU, and on KVM in //launcher/tests/on_kvm."""

load("//tools:cc.bzl", "cc_library", "cc_test")

# The platforms of //hostsim/softcpu, by the name that follows "_on_".
_PLATFORMS = {
    "counted_softcpu": "//hostsim/softcpu:counted_test_platform",
    "softcpu": "//hostsim/softcpu:test_platform",
}

def vcpu_test(name, deps, srcs = None, hdrs = [], tags = [], visibility = ["//launcher/tests/on_kvm:__pkg__"]):
    """Declares the library NAME of tests, and the tests NAME_on_softcpu and NAME_on_counted_softcpu.

    Args:
      name: name of the library. Each platform links it with a //hostsim/...:test_platform.
      deps: deps of the sources.
      srcs: the sources. The default is NAME.cc.
      hdrs: headers that other tests may include.
      tags: tags of the tests.
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
    for platform, library in _PLATFORMS.items():
        cc_test(
            name = "%s_on_%s" % (name, platform),
            tags = tags,
            deps = [
                ":" + name,
                library,
                "//launcher/base/testing:deadline_of_each_test",
                "@com_google_googletest//:gtest_main",
            ],
        )
