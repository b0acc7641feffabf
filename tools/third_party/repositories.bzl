"""The external repositories of the build."""

load("//tools/debian:repository.bzl", "debian_repository")
load(":npm.bzl", "npm_repository")

def third_party_repositories():
    """Declares the external repositories. Bazel fetches a repository when a target first needs it."""
    debian_repository(
        name = "bazel_skylib",
        strip_prefix = "usr/share/bazel/tools/skylib",
    )
    debian_repository(
        name = "gcc12",
        build_file = "//tools/third_party:gcc12.BUILD.bazel",
        excludes = [
            "./usr/lib/gcc/*/12/plugin",
            "./usr/lib/i386-linux-gnu/gconv",
            "./usr/lib/x86_64-linux-gnu/gconv",
            "./usr/share",
        ],
    )
    debian_repository(
        name = "clang19",
        build_file = "//tools/third_party:clang19.BUILD.bazel",
        excludes = ["./usr/share"],
    )

    debian_repository(
        name = "clang19_runtime",
        build_file = "//tools/third_party:clang19_runtime.BUILD.bazel",
        excludes = [
            "*-i386.*",
            "*.so",
            "./usr/share",
        ],
    )
    debian_repository(
        name = "clang19_headers",
        build_file = "//tools/third_party:clang19_headers.BUILD.bazel",
        excludes = [
            "*.a",
            "*.so*",
            "./usr/bin",
            "./usr/share",
        ],
    )

    debian_repository(
        name = "qemu",
        build_file = "//tools/third_party:qemu.BUILD.bazel",
        excludes = [
            "./usr/bin/qemu-pr-helper",
            "./usr/bin/qemu-storage-daemon",
            "./usr/bin/qemu-system-i386",
            "./usr/bin/qemu-system-x86_64-microvm",
            "./usr/libexec",
        ],
    )
    debian_repository(
        name = "linux_cloud",
        build_file = "//tools/third_party:linux_cloud.BUILD.bazel",
    )
    debian_repository(
        name = "busybox",
        build_file = "//tools/third_party:busybox.BUILD.bazel",
    )

    # Debian has no package of buildifier.
    npm_repository(
        name = "buildifier",
        exports = ["buildifier-linux_amd64"],
        package = "@bazel/buildifier",
        sha256 = "b96ea9b13003036c801f52bee6f9b0314738f8432e5cb9d814c89f59292604ee",
        version = "8.2.1",
    )

    debian_repository(
        name = "com_google_absl",
        build_file = "//tools/third_party:absl.BUILD.bazel",
        excludes = ["*/BUILD.bazel"],
    )
    debian_repository(
        name = "com_google_googletest",
        build_file = "//tools/third_party:googletest.BUILD.bazel",
    )
    debian_repository(
        name = "com_google_benchmark",
        build_file = "//tools/third_party:benchmark.BUILD.bazel",
    )
    debian_repository(
        name = "libdeflate",
        build_file = "//tools/third_party:libdeflate.BUILD.bazel",
    )
    debian_repository(
        name = "libelf",
        build_file = "//tools/third_party:libelf.BUILD.bazel",
    )
    debian_repository(
        name = "libseccomp",
        build_file = "//tools/third_party:libseccomp.BUILD.bazel",
    )
    debian_repository(
        name = "unicorn",
        build_file = "//tools/third_party:unicorn.BUILD.bazel",
    )
    debian_repository(
        name = "xxhash",
        build_file = "//tools/third_party:xxhash.BUILD.bazel",
    )
    debian_repository(
        name = "zlib",
        build_file = "//tools/third_party:zlib.BUILD.bazel",
    )
