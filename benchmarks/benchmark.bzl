"""benchmark: a program on Google Benchmark, and a smoke test that runs it."""

load("//tools:cc.bzl", "cc_binary")

def benchmark(name, deps):
    """Declares the benchmark `name`, whose only source is `name`.cc.

    The test `name`_smoke runs every measurement briefly, and fails if one cannot be done."""
    cc_binary(
        name = name,
        testonly = True,
        srcs = [name + ".cc"],
        deps = deps + ["@com_google_benchmark//:benchmark_main"],
    )
    native.py_test(
        name = name + "_smoke",
        size = "small",
        srcs = ["smoke_test.py"],
        args = ["$(location :%s)" % name],
        data = [":" + name],
        main = "smoke_test.py",
        python_version = "PY3",
    )
