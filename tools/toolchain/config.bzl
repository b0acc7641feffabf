"""Declares gcc 12 of @gcc12 as a C and C++ toolchain for each target. The machine's own compiler is not used."""

load("@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl", "tool_path")
load(":flags.bzl", "flags_feature")
load(":targets.bzl", "FREESTANDING_FLAGS", "GCC_ROOT", "MACHINE_FLAGS", "TARGETS", "isystem")
load(":warnings.bzl", "CXX_WARNINGS", "C_WARNINGS", "SYSTEM_HEADERS")

def _common_features(target):
    machine = ["-Btools/toolchain/bin/", "-no-canonical-prefixes", "--sysroot=" + GCC_ROOT[:-1]]
    machine += MACHINE_FLAGS[target.bazel_cpu]
    return [
        flags_feature(
            "hermetic",
            compile = machine + ["-nostdinc", "-fno-canonical-system-headers"],
            cxx = ["-nostdinc++", "-std=c++20"],
            link = machine,
        ),
        flags_feature("cxx_headers", cxx = isystem(target.cxx_headers)),
        flags_feature("c_headers", compile = isystem(target.c_headers)),
        flags_feature(
            "reproducible",
            compile = [
                "-Wno-builtin-macro-redefined",
                "-D__DATE__=\"redacted\"",
                "-D__TIME__=\"redacted\"",
                "-D__TIMESTAMP__=\"redacted\"",
            ],
            link = ["-Wl,--build-id=none"],
        ),
        # Guest memory may begin at address 0 of the launcher, so the compiler must not assume that a null pointer is never
        # dereferenced.
        flags_feature("address_zero", compile = ["-fno-delete-null-pointer-checks"]),
        flags_feature("warnings", c = C_WARNINGS, cxx = CXX_WARNINGS, compile = isystem(SYSTEM_HEADERS)),
    ]

def _sanitizer(name, kind, libraries):
    flags = ["-fsanitize=" + kind]
    return flags_feature(
        name,
        compile = flags + ["-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1"],
        link = flags + libraries,
        enabled = False,
    )

def _mode_features():
    """Returns the features that Bazel or the command line turns on."""
    return [
        # fastbuild is the default mode. -O0 would make tests and guests too slow.
        flags_feature("fastbuild", compile = ["-O1", "-D_GLIBCXX_ASSERTIONS"], enabled = False),
        flags_feature("dbg", compile = ["-Og", "-g", "-D_GLIBCXX_ASSERTIONS"], enabled = False),
        flags_feature(
            "opt",
            compile = ["-O2", "-DNDEBUG", "-ffunction-sections", "-fdata-sections"],
            link = ["-Wl,--gc-sections"],
            enabled = False,
        ),
        _sanitizer("asan", "address,undefined", ["-static-libasan", "-static-libubsan"]),
        _sanitizer("tsan", "thread", ["-static-libtsan"]),
        flags_feature(
            "coverage",
            compile = ["--coverage", "-fprofile-update=atomic"],
            link = ["--coverage"],
            enabled = False,
            provides = ["profile"],
        ),
    ]

def _linux_features(target):
    if target.bazel_cpu == "i386":
        # The driver is that of x86-64, so -B and -L name the start files and libraries of the i386 packages. Linux 2.6.23
        # maps the guest at the bottom of the launcher's address space, so the launcher is linked above it.
        libraries = [target.gcc_libraries] + target.libraries
        compile = ["-fno-pie"]
        link_program = []
        link = ["-static", "-no-pie", "-Wl,-Ttext-segment=0xb8000000"]
        link += ["-B" + directory + "/" for directory in libraries] + ["-L" + directory for directory in libraries]
    else:
        compile = ["-fPIE"]
        link_program = ["-pie"]
        link = ["-static-libgcc", "-Wl,-z,relro,-z,now"]
    return [
        flags_feature(
            "linux",
            compile = compile + ["-fstack-protector-strong"],
            link_program = link_program,
            link_library = ["-shared"],
            link = link + ["-pthread"],
        ),
        # The C++ runtime must come last on the command line, after the objects that need it.
        flags_feature("cxx_runtime", link = ["-l:libstdc++.a", "-lm"]),
    ]

def _freestanding_features(target):
    return [
        flags_feature(
            "freestanding",
            compile = FREESTANDING_FLAGS,
            cxx = ["-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"],
            link = ["-nostdlib", "-static", "-no-pie"],
        ),
        # libgcc has the functions that the compiler calls for 64-bit divisions, for example.
        flags_feature("compiler_runtime", link = ["-L" + target.gcc_libraries, "-lgcc"]),
    ]

def _impl(ctx):
    target = TARGETS[ctx.attr.target]
    freestanding = ctx.attr.target == "freestanding_i386"
    features = _common_features(target) + _mode_features()
    features += _freestanding_features(target) if freestanding else _linux_features(target)
    libc = "none" if freestanding else "glibc_2.36"
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        features = features,
        cxx_builtin_include_directories = ["%package(@gcc12//)%/usr/include", "%package(@gcc12//)%/usr/lib/gcc"],
        toolchain_identifier = ctx.attr.target,
        host_system_name = "local",
        target_system_name = target.gnu,
        target_cpu = target.bazel_cpu,
        target_libc = libc,
        compiler = "gcc",
        abi_version = "gcc12",
        abi_libc_version = libc,
        tool_paths = [
            tool_path(name = name, path = "bin/" + name)
            for name in ["ar", "cpp", "dwp", "gcc", "gcov", "ld", "nm", "objcopy", "objdump", "strip"]
        ],
    )

cc_toolchain_config = rule(
    doc = "The flags of one target.",
    implementation = _impl,
    attrs = {"target": attr.string(values = TARGETS.keys())},
    provides = [CcToolchainConfigInfo],
)
