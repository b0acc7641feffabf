"""The source tree itself, for lint: a file that no target names is still seen."""

import os

_CXX = (".c", ".cc", ".h")
_STARLARK = ("BUILD.bazel", "WORKSPACE", ".bzl")


def root():
    """Returns the top of the source tree: under `bazel run` Bazel tells it, in a test the link to WORKSPACE does."""
    return os.environ.get("BUILD_WORKSPACE_DIRECTORY") or os.path.dirname(os.path.realpath("WORKSPACE"))


def _files(suffixes):
    top = root()
    found = []
    for folder, subfolders, names in os.walk(top):
        # Bazel's links to its outputs, and what is hidden, are not source.
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "bazel-"))]
        found += [os.path.relpath(os.path.join(folder, name), top) for name in names if name.endswith(suffixes)]
    return sorted(found)


def cxx_files():
    """Returns all C and C++ sources and headers, relative to the top."""
    return _files(_CXX)


def starlark_files():
    """Returns all of Bazel's files, relative to the top."""
    return _files(_STARLARK)


def text_files():
    """Returns all sources and documents, relative to the top."""
    return _files(_CXX + _STARLARK + (".S", ".ld", ".md", ".py", ".sh"))
