"""clang_tidy_test: runs clang-tidy over the sources of a target, with the headers that the compiler uses for it."""

load("//tools/prelude:prelude.bzl", "PreludeInfo")
load("//tools/toolchain:transitions.bzl", "PLATFORM_ATTRS", "platform_transition")
load(":clang_flags.bzl", "c_flags", "clang_flags", "cxx_flags")

_HEADERS = ["h"]
_SOURCES = ["c", "cc"]

def _stem(file):
    return file.path[:-len(file.extension)]

def _to_check(files):
    """Returns the files to run clang-tidy on. A header that has a source of the same name is checked with that source."""
    sources = [file for file in files if file.extension in _SOURCES]
    stems = [_stem(file) for file in sources]
    return sources + [file for file in files if file.extension in _HEADERS and _stem(file) not in stems]

def _clang_tidy_test_impl(ctx):
    infos = [dep[CcInfo] for dep in ctx.attr.deps]
    context = cc_common.merge_cc_infos(cc_infos = infos).compilation_context
    flags = clang_flags(ctx.attr.platform, context, ctx.attr.defines, ctx.attr.copts)
    prelude = ctx.attr.prelude[PreludeInfo] if ctx.attr.prelude else None
    prelude_files = prelude.files if prelude else depset()
    headers = [file.path for file in ctx.files.srcs if file.extension in _HEADERS]
    reports = []
    for file in _to_check(ctx.files.srcs):
        report = ctx.actions.declare_file("{}/{}.txt".format(ctx.label.name, file.basename))
        language = c_flags(ctx.attr.platform) if file.extension == "c" else cxx_flags(ctx.attr.platform)
        if prelude and file.extension != "c":
            language += ["-include-pch", prelude.pch.path]
        ctx.actions.run(
            executable = ctx.executable._run,
            arguments = [
                report.path,
                ctx.file._config.path,
                # Findings in other headers belong to the targets of those headers.
                "^({})$".format("|".join([file.path] + headers)),
                ctx.executable._own_code.path,
                file.path,
            ] + flags + language,
            inputs = depset(ctx.files.srcs + [ctx.file._config, ctx.executable._own_code] + ctx.files._clang + ctx.files._gcc, transitive = [context.headers, prelude_files]),
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
    doc = "Fails if clang-tidy has findings. A build action runs clang-tidy, so Bazel does not check an unchanged source again.",
    implementation = _clang_tidy_test_impl,
    attrs = dict(
        PLATFORM_ATTRS,
        srcs = attr.label_list(allow_files = True, doc = "Sources and headers of the target."),
        copts = attr.string_list(doc = "Additional compiler flags of the target."),
        defines = attr.string_list(doc = "Preprocessor definitions of the target."),
        prelude = attr.label(providers = [PreludeInfo], doc = "The prelude of the C++ sources."),
        deps = attr.label_list(providers = [CcInfo], cfg = platform_transition, doc = "Libraries whose headers the sources include."),
        _clang = attr.label(default = "@clang19//:tree"),
        _config = attr.label(default = "//:.clang-tidy", allow_single_file = True),
        _gcc = attr.label(default = "@gcc12//:tree"),
        _own_code = attr.label(default = "//tools/lint:own_code.so", executable = True, cfg = "exec"),
        _run = attr.label(default = "//tools/lint:run_clang_tidy.sh", allow_single_file = True, executable = True, cfg = "exec"),
    ),
    test = True,
)
