"""Declares clang 19 of @clang19 as the C and C++ toolchain of fuzz targets, with the headers and libraries of @gcc12.

All code is compiled with libFuzzer's coverage and with sanitizers. There is one mode: -O1 with line numbers. gcc and
clang-tidy check the same sources with warnings, so this toolchain has none.
"""

load("@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl", "tool_path")
load(":flags.bzl", "flags_feature")
load(":targets.bzl", "GCC_ROOT", "TARGETS", "isystem")
load(":warnings.bzl", "SYSTEM_HEADERS")

_RESOURCES = "external/clang19_runtime/usr/lib/llvm-19/lib/clang/19"

_MACHINE = [
    "--target=x86_64-linux-gnu",
    "--sysroot=" + GCC_ROOT[:-1],
    "--gcc-install-dir=" + TARGETS["fuzz_x86_64"].gcc_libraries,
    "-Btools/toolchain/bin/",
    "-no-canonical-prefixes",
    "-resource-dir=" + _RESOURCES,
]

_SANITIZERS = [
    "-fsanitize=fuzzer-no-link,address,undefined",
    "-fno-sanitize-recover=all",
]

def _features():
    target = TARGETS["fuzz_x86_64"]
    return [
        flags_feature(
            "hermetic",
            compile = _MACHINE + ["-nostdlibinc"],
            cxx = ["-nostdinc++", "-std=c++20"] + isystem(target.cxx_headers),
            # The C++ runtime is linked statically, see cxx_runtime.
            link = _MACHINE + ["--driver-mode=g++", "-nostdlib++", "-static-libgcc"],
        ),
        # clang has its own version of the first directory, the compiler's headers.
        flags_feature("c_headers", compile = isystem(target.c_headers[1:] + SYSTEM_HEADERS)),
        flags_feature(
            "fuzz",
            compile = _SANITIZERS + ["-O1", "-g1", "-fno-omit-frame-pointer", "-D_GLIBCXX_ASSERTIONS", "-w"],
            link = _SANITIZERS,
        ),
        # As in config.bzl.
        flags_feature("address_zero", compile = ["-fno-delete-null-pointer-checks"]),
        flags_feature("linux", compile = ["-fPIE"], link_program = ["-pie"], link_library = ["-shared"], link = ["-pthread"]),
        flags_feature("cxx_runtime", link = ["-l:libstdc++.a", "-lm"]),
    ]

def _impl(ctx):
    tools = {name: name for name in ["ar", "cpp", "dwp", "gcov", "ld", "nm", "objcopy", "objdump", "strip"]}
    tools["gcc"] = "clang"
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        features = _features(),
        cxx_builtin_include_directories = [
            "%package(@clang19_runtime//)%/usr/lib/llvm-19/lib/clang",
            "%package(@gcc12//)%/usr/include",
        ],
        toolchain_identifier = "fuzz_x86_64",
        host_system_name = "local",
        target_system_name = TARGETS["fuzz_x86_64"].gnu,
        target_cpu = TARGETS["fuzz_x86_64"].bazel_cpu,
        target_libc = "glibc_2.36",
        compiler = "clang",
        abi_version = "gcc12",
        abi_libc_version = "glibc_2.36",
        tool_paths = [tool_path(name = name, path = "bin/" + tool) for name, tool in tools.items()],
    )

fuzz_toolchain_config = rule(
    doc = "The flags of fuzz targets.",
    implementation = _impl,
    provides = [CcToolchainConfigInfo],
)
