"""clang_tidy_test: clang-tidy over the sources of a target, with the headers that the compiler uses for it."""

load("//tools/toolchain:targets.bzl", "FREESTANDING_FLAGS", "MACHINE_FLAGS", "TARGETS", "isystem")
load("//tools/toolchain:transitions.bzl", "PLATFORM_ATTRS", "platform_transition")

_HEADERS = ["h"]
_SOURCES = ["c", "cc"]

def _flags(ctx, context):
    """Returns the compiler flags for sources that are compiled with the CcCompilationContext `context`."""
    target = TARGETS[ctx.attr.platform]
    flags = ["--target=" + target.gnu, "-nostdlibinc"] + MACHINE_FLAGS[target.bazel_cpu]
    if ctx.attr.platform == "freestanding_i386":
        # Without floating-point registers clang refuses what libstdc++'s own headers say of long double.
        flags += [flag for flag in FREESTANDING_FLAGS if flag != "-mgeneral-regs-only"]
    flags += ["-iquote", "."]
    flags += ["-D" + define for define in context.defines.to_list() + ctx.attr.defines]
    for directory in context.quote_includes.to_list():
        flags += isystem([directory]) if directory.startswith("external/") else ["-iquote", directory]
    flags += isystem(context.includes.to_list() + context.system_includes.to_list())
    return flags + ctx.attr.copts

def _language_flags(platform, file):
    target = TARGETS[platform]
    if file.extension == "c":
        return isystem(target.c_headers[1:])
    return ["-x", "c++", "-std=c++20", "-nostdinc++"] + isystem(target.cxx_headers + target.c_headers[1:])

def _stem(file):
    return file.path[:-len(file.extension)]

def _to_check(files):
    """Returns the files to run clang-tidy on: a header is checked with the source of its name, if there is one."""
    sources = [file for file in files if file.extension in _SOURCES]
    stems = [_stem(file) for file in sources]
    return sources + [file for file in files if file.extension in _HEADERS and _stem(file) not in stems]

def _clang_tidy_test_impl(ctx):
    infos = [dep[CcInfo] for dep in ctx.attr.deps]
    context = cc_common.merge_cc_infos(cc_infos = infos).compilation_context
    flags = _flags(ctx, context)
    headers = [file.path for file in ctx.files.srcs if file.extension in _HEADERS]
    reports = []
    for file in _to_check(ctx.files.srcs):
        report = ctx.actions.declare_file("{}/{}.txt".format(ctx.label.name, file.basename))
        ctx.actions.run(
            executable = ctx.executable._run,
            arguments = [
                report.path,
                ctx.file._config.path,
                # Findings in other headers belong to the targets that those are in.
                "^({})$".format("|".join([file.path] + headers)),
                ctx.executable._own_code.path,
                file.path,
            ] + flags + _language_flags(ctx.attr.platform, file),
            inputs = depset(ctx.files.srcs + [ctx.file._config, ctx.executable._own_code] + ctx.files._clang + ctx.files._gcc, transitive = [context.headers]),
            outputs = [report],
            mnemonic = "ClangTidy",
            progress_message = "Checking " + file.short_path,
        )
        reports.append(report)
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        script,
        "#!/bin/sh\ncat {reports}\n! cat {reports} | grep -q .\n".format(
            reports = " ".join(["/dev/null"] + [report.short_path for report in reports]),
        ),
        is_executable = True,
    )
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(reports))]

clang_tidy_test = rule(
    doc = "Fails if clang-tidy finds anything. It runs in a build action, so an unchanged source is not checked again.",
    implementation = _clang_tidy_test_impl,
    attrs = dict(
        PLATFORM_ATTRS,
        srcs = attr.label_list(allow_files = True, doc = "Sources and headers of the target."),
        copts = attr.string_list(doc = "Its further compiler flags."),
        defines = attr.string_list(doc = "Its preprocessor definitions."),
        deps = attr.label_list(providers = [CcInfo], cfg = platform_transition, doc = "What its headers come from."),
        _clang = attr.label(default = "@clang19//:tree"),
        _config = attr.label(default = "//:.clang-tidy", allow_single_file = True),
        _gcc = attr.label(default = "@gcc12//:tree"),
        _own_code = attr.label(default = "//tools/lint:own_code.so", executable = True, cfg = "exec"),
        _run = attr.label(default = "//tools/lint:run_clang_tidy.sh", allow_single_file = True, executable = True, cfg = "exec"),
    ),
    test = True,
)
