"""The gcc 12 of @gcc12 as a C and C++ toolchain for each of our targets. Nothing of the machine's own compiler is used."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load("@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl", "feature", "flag_group", "flag_set", "tool_path")
load(":warnings.bzl", "CXX_WARNINGS", "C_WARNINGS", "SYSTEM_HEADERS")

_C = [
    ACTION_NAMES.assemble,
    ACTION_NAMES.c_compile,
    ACTION_NAMES.preprocess_assemble,
]
_CXX = [
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.cpp_header_parsing,
    ACTION_NAMES.linkstamp_compile,
]
_LINK = [
    ACTION_NAMES.cpp_link_dynamic_library,
    ACTION_NAMES.cpp_link_executable,
    ACTION_NAMES.cpp_link_nodeps_dynamic_library,
]

_ROOT = "external/gcc12/"

_TARGETS = {
    "linux_x86_64": struct(
        bazel_cpu = "k8",
        gnu = "x86_64-linux-gnu",
        gcc = "x86_64-linux-gnu",
    ),
    "linux_i386": struct(
        bazel_cpu = "i386",
        gnu = "i386-linux-gnu",
        gcc = "i686-linux-gnu",
    ),
    "freestanding_i386": struct(
        bazel_cpu = "i386",
        gnu = "i386-linux-gnu",
        gcc = "i686-linux-gnu",
    ),
}

def _feature(name, c = [], cxx = [], compile = [], link = [], enabled = False, **kwargs):
    """A feature from plain lists of flags; `compile` is for C and C++, `c` and `cxx` for one of them."""
    sets = [(_C + _CXX, compile), (_C, c), (_CXX, cxx), (_LINK, link)]
    return feature(
        name = name,
        enabled = enabled,
        flag_sets = [
            flag_set(actions = actions, flag_groups = [flag_group(flags = flags)])
            for actions, flags in sets
            if flags
        ],
        **kwargs
    )

def _isystem(directories):
    return [flag for directory in directories for flag in ("-isystem", directory)]

def _sanitizer(name, kind, libraries):
    flags = ["-fsanitize=" + kind]
    return _feature(
        name,
        compile = flags + ["-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1"],
        link = flags + libraries,
    )

def _mode_features():
    return [
        # Also where nobody asked for an optimised build, tests and guests should not crawl.
        _feature("fastbuild", compile = ["-O1", "-D_GLIBCXX_ASSERTIONS"]),
        _feature("dbg", compile = ["-Og", "-g", "-D_GLIBCXX_ASSERTIONS"]),
        _feature(
            "opt",
            compile = ["-O2", "-DNDEBUG", "-ffunction-sections", "-fdata-sections"],
            link = ["-Wl,--gc-sections"],
        ),
        _sanitizer("asan", "address,undefined", ["-static-libasan", "-static-libubsan"]),
        _sanitizer("tsan", "thread", ["-static-libtsan"]),
        _feature(
            "coverage",
            compile = ["--coverage", "-fprofile-update=atomic"],
            link = ["--coverage"],
            provides = ["profile"],
        ),
    ]

def _header_features(target):
    return [
        _feature(
            "cxx_headers",
            enabled = True,
            cxx = _isystem([
                _ROOT + "usr/include/c++/12",
                _ROOT + "usr/include/" + target.gnu + "/c++/12",
            ]),
        ),
        _feature(
            "c_headers",
            enabled = True,
            compile = _isystem([
                _ROOT + "usr/lib/gcc/x86_64-linux-gnu/12/include",
                _ROOT + "usr/include/" + target.gnu,
                _ROOT + "usr/include",
            ]),
        ),
    ]

def _linux_features(i386, target):
    libraries = [
        _ROOT + "usr/lib/gcc/" + target.gcc + "/12",
        _ROOT + "usr/lib/" + target.gnu,
        _ROOT + "lib/" + target.gnu,
    ]
    if i386:
        # The driver is the x86-64 one: point it to the start files and libraries of the i386 packages. Linux 2.6.23 gives
        # the guest the bottom of the launcher's address space, so the launcher itself is linked above it.
        compile = ["-fno-pie"]
        link = ["-static", "-no-pie", "-Wl,-Ttext-segment=0xb8000000"]
        link += ["-B" + directory + "/" for directory in libraries[:2]] + ["-L" + directory for directory in libraries]
    else:
        compile = ["-fPIE"]
        link = ["-pie", "-static-libgcc", "-Wl,-z,relro,-z,now"]
    return [
        _feature(
            "linux",
            enabled = True,
            compile = compile + ["-fstack-protector-strong"],
            link = link + ["-pthread"],
        ),
        # Last on the command line, behind the objects that need them.
        _feature("cxx_runtime", enabled = True, link = ["-l:libstdc++.a", "-lm"]),
    ]

def _freestanding_features(target):
    return [
        _feature(
            "freestanding",
            enabled = True,
            compile = [
                "-ffreestanding",
                "-fno-pic",
                "-fno-stack-protector",
                "-fno-asynchronous-unwind-tables",
                # A guest must not touch the FPU before it has set it up.
                "-mgeneral-regs-only",
            ],
            cxx = ["-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"],
            link = ["-nostdlib", "-static", "-no-pie"],
        ),
        # The compiler calls into it for 64-bit divisions and the like.
        _feature("compiler_runtime", enabled = True, link = ["-L" + _ROOT + "usr/lib/gcc/" + target.gcc + "/12", "-lgcc"]),
    ]

def _impl(ctx):
    target = _TARGETS[ctx.attr.target]
    i386 = target.bazel_cpu == "i386"
    freestanding = ctx.attr.target == "freestanding_i386"
    machine = ["-m32", "-march=i686"] if i386 else []
    common = ["-Btools/toolchain/bin/", "-no-canonical-prefixes", "--sysroot=" + _ROOT[:-1]] + machine
    features = [
        _feature(
            "hermetic",
            enabled = True,
            compile = common + ["-nostdinc", "-fno-canonical-system-headers"],
            cxx = ["-nostdinc++", "-std=c++20"],
            link = common,
        ),
        _feature(
            "reproducible",
            enabled = True,
            compile = [
                "-Wno-builtin-macro-redefined",
                "-D__DATE__=\"redacted\"",
                "-D__TIME__=\"redacted\"",
                "-D__TIMESTAMP__=\"redacted\"",
            ],
            link = ["-Wl,--build-id=none"],
        ),
        # Guest memory may begin at address 0 of the launcher: a null pointer is as good as any other there.
        _feature("address_zero", enabled = True, compile = ["-fno-delete-null-pointer-checks"]),
        _feature("warnings", enabled = True, c = C_WARNINGS, cxx = CXX_WARNINGS, compile = _isystem(SYSTEM_HEADERS)),
    ] + _header_features(target) + _mode_features() + (_freestanding_features(target) if freestanding else _linux_features(i386, target))
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        features = features,
        cxx_builtin_include_directories = ["%package(@gcc12//)%/usr/include", "%package(@gcc12//)%/usr/lib/gcc"],
        toolchain_identifier = ctx.attr.target,
        host_system_name = "local",
        target_system_name = target.gnu,
        target_cpu = target.bazel_cpu,
        target_libc = "none" if freestanding else "glibc_2.36",
        compiler = "gcc",
        abi_version = "gcc12",
        abi_libc_version = "none" if freestanding else "glibc_2.36",
        tool_paths = [
            tool_path(name = name, path = "bin/" + name)
            for name in ["ar", "cpp", "dwp", "gcc", "gcov", "ld", "nm", "objcopy", "objdump", "strip"]
        ],
    )

cc_toolchain_config = rule(
    doc = "The flags of one target.",
    implementation = _impl,
    attrs = {"target": attr.string(values = _TARGETS.keys())},
    provides = [CcToolchainConfigInfo],
)
