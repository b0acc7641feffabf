"""fuzz_test: runs a fuzz target over its corpus. fuzz_programs: the same targets as libFuzzer programs."""

load("//tools:cc.bzl", "cc_test")
load("//tools/toolchain:transitions.bzl", "PLATFORM_ATTRS", "platform_transition")
load(":targets.bzl", "FUZZ_TARGETS")

def fuzz_test(name, deps):
    """Runs the fuzz target in NAME.cc over each file of //testdata/fuzz:CORPUS.

    Args:
      name: name of the test: the name of the corpus, then "_fuzz".
      deps: the libraries under test.
    """
    label = "//{}:{}".format(native.package_name(), name)
    if label not in FUZZ_TARGETS:
        fail("add {} to tools/fuzz/targets.bzl".format(label))
    corpus = "//testdata/fuzz:" + name[:-len("_fuzz")]
    cc_test(
        name = name,
        srcs = [name + ".cc"],
        args = ["$(rootpaths {})".format(corpus)],
        data = [corpus],
        visibility = ["//tools/fuzz:__pkg__"],
        deps = deps + [
            "//tools/fuzz:fuzz_target",
            "//tools/fuzz:main",
        ],
    )

def _fuzz_programs_impl(ctx):
    runfiles = ctx.runfiles()
    for target in ctx.attr.targets:
        runfiles = runfiles.merge(target[DefaultInfo].default_runfiles)
    return [DefaultInfo(files = depset(ctx.files.targets), runfiles = runfiles)]

fuzz_programs = rule(
    doc = "The fuzz targets built with libFuzzer and sanitizers, and their corpora, whatever the command line selects.",
    implementation = _fuzz_programs_impl,
    attrs = dict(
        PLATFORM_ATTRS,
        targets = attr.label_list(cfg = platform_transition, doc = "The targets of fuzz_test."),
    ),
)
