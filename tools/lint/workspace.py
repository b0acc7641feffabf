"""Lists the files of the source tree for lint, including files that no target names."""

import os

_CXX = (".c", ".cc", ".h")
_STARLARK = ("BUILD.bazel", "WORKSPACE", ".bzl")


def root():
    """Returns the top of the source tree. `bazel run` sets an environment variable; a test follows the link to WORKSPACE."""
    return os.environ.get("BUILD_WORKSPACE_DIRECTORY") or os.path.dirname(os.path.realpath("WORKSPACE"))


def _files(suffixes):
    top = root()
    found = []
    for folder, subfolders, names in os.walk(top):
        # Skips Bazel's links to its outputs, and hidden folders.
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
