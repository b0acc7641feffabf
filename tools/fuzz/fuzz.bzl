"""fuzz_test: a fuzz target, run over its corpus."""

load("//tools:cc.bzl", "cc_test")

def fuzz_test(name, deps):
    """Runs the fuzz target in NAME.cc over each file of //testdata/fuzz:CORPUS.

    Args:
      name: of the test: the corpus, then "_fuzz".
      deps: what the target tests.
    """
    corpus = "//testdata/fuzz:" + name[:-len("_fuzz")]
    cc_test(
        name = name,
        srcs = [name + ".cc"],
        args = ["$(rootpaths {})".format(corpus)],
        data = [corpus],
        deps = deps + [
            "//tools/fuzz:fuzz_target",
            "//tools/fuzz:run_corpus",
        ],
    )
