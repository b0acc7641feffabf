"""prelude: precompiles library headers that most sources include.

A test of 50 lines includes 100,000 lines of library headers, and parsing them takes most of the build time. tools/cc.bzl
makes gcc and clang-tidy include a precompiled header of these headers before each source. A source must still include what
it uses: tools/lint/includes_test.py checks that.
"""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")
load("//tools/lint:clang_flags.bzl", "clang_flags", "cxx_flags")

PreludeInfo = provider(
    doc = "A prelude for clang.",
    fields = {
        "files": "The precompiled header and its source headers; clang checks that these have not changed.",
        "pch": "The precompiled header.",
    },
)

_SUFFIX = "_prelude.h"

def prelude_copts(label):
    """Returns the flags that make gcc include the prelude `label` first. The target must depend on the prelude."""
    return ["-include", label[2:].replace(":", "/") + _SUFFIX, "-fpch-deps"]

def _compile_for_gcc(ctx, header, context):
    """Precompiles the header for gcc, with the flags of the toolchain. gcc looks for HEADER.gch beside HEADER."""
    toolchain = find_cpp_toolchain(ctx)
    compiled = ctx.actions.declare_file(header.basename + ".gch")
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    arguments = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = ACTION_NAMES.cpp_compile,
        variables = cc_common.create_compile_variables(
            feature_configuration = features,
            cc_toolchain = toolchain,
            user_compile_flags = ctx.attr.copts + ["-w", "-x", "c++-header"],
            include_directories = context.includes,
            quote_include_directories = context.quote_includes,
            system_include_directories = context.system_includes,
            preprocessor_defines = context.defines,
            source_file = header.path,
            output_file = compiled.path,
        ),
    )
    ctx.actions.run(
        executable = cc_common.get_tool_for_action(feature_configuration = features, action_name = ACTION_NAMES.cpp_compile),
        arguments = arguments,
        inputs = depset([header], transitive = [context.headers, toolchain.all_files]),
        outputs = [compiled],
        mnemonic = "CppPrelude",
        progress_message = "Compiling " + header.short_path,
    )
    return compiled

def _compile_for_clang(ctx, header, context):
    """Precompiles the header for clang, with clang-tidy's flags. The result can be used in another working directory."""
    compiled = ctx.actions.declare_file(header.basename + ".pch")
    ctx.actions.run(
        executable = ctx.executable._clang_prelude,
        arguments = [header.path, compiled.path] + clang_flags("linux_x86_64", context) + cxx_flags("linux_x86_64"),
        inputs = depset([header] + ctx.files._clang + ctx.files._gcc, transitive = [context.headers]),
        outputs = [compiled],
        # A clang header names files by absolute paths: it is of no use to another output base.
        execution_requirements = {"no-cache": "1"},
        mnemonic = "ClangPrelude",
        progress_message = "Parsing " + header.short_path,
    )
    return compiled

def _prelude_impl(ctx):
    header = ctx.actions.declare_file(ctx.label.name + _SUFFIX)
    ctx.actions.write(header, "".join(["#include \"{}\"\n".format(name) for name in ctx.attr.headers]))
    context = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps]).compilation_context
    pch = _compile_for_clang(ctx, header, context)
    return [
        CcInfo(
            compilation_context = cc_common.create_compilation_context(
                headers = depset([header, _compile_for_gcc(ctx, header, context)], transitive = [context.headers]),
            ),
        ),
        PreludeInfo(files = depset([header, pch], transitive = [context.headers]), pch = pch),
    ]

prelude = rule(
    doc = "A header that includes library headers, precompiled for gcc and for clang.",
    implementation = _prelude_impl,
    attrs = {
        "copts": attr.string_list(doc = "Additional flags. gcc ignores the precompiled header in a source with other flags."),
        "deps": attr.label_list(providers = [CcInfo], doc = "The libraries that the headers belong to."),
        "headers": attr.string_list(doc = "The headers to precompile.", mandatory = True),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
        "_clang": attr.label(default = "@clang19//:tree"),
        "_clang_prelude": attr.label(default = ":clang_prelude.sh", allow_single_file = True, executable = True, cfg = "exec"),
        "_gcc": attr.label(default = "@gcc12//:tree"),
    },
    fragments = ["cpp"],
    incompatible_use_toolchain_transition = True,
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
