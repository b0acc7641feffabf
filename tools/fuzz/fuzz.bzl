"""fuzz_test: runs a fuzz target over its corpus."""

load("//tools:cc.bzl", "cc_test")

def fuzz_test(name, deps):
    """Runs the fuzz target in NAME.cc over each file of //testdata/fuzz:CORPUS.

    Args:
      name: name of the test: the name of the corpus, then "_fuzz".
      deps: the libraries under test.
    """
    corpus = "//testdata/fuzz:" + name[:-len("_fuzz")]
    cc_test(
        name = name,
        srcs = [name + ".cc"],
        args = ["$(rootpaths {})".format(corpus)],
        data = [corpus],
        deps = deps + [
            "//tools/fuzz:fuzz_target",
            "//tools/fuzz:main",
        ],
    )
