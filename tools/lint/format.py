#!/usr/bin/python3
"""Formats all C++ and Starlark files of the repository. With --check=cxx or --check=starlark it only lists unformatted files."""

import argparse
import os
import subprocess
import sys

from tools.lint import workspace

_CLANG = os.path.abspath("../clang19/usr/lib")
_BUILDIFIER = os.path.abspath("../buildifier/buildifier-linux_amd64")

# These warnings ask to load rules that are built into Bazel 4.2.
_BUILDIFIER_WARNINGS = ",".join(
    "-native-" + name
    for name in (
        "cc-binary",
        "cc-common",
        "cc-info",
        "cc-library",
        "cc-test",
        "cc-toolchain",
        "cc-toolchain-suite",
        "py",
        "sh-binary",
        "sh-library",
        "sh-test",
    )
)


def clang_format(check):
    libraries = f"{_CLANG}/x86_64-linux-gnu:{_CLANG}/llvm-19/lib"
    mode = ["--dry-run", "-Werror", "-ferror-limit=1"] if check else ["-i"]
    return subprocess.run(
        [f"{_CLANG}/llvm-19/bin/clang-format", *mode, *workspace.cxx_files()],
        cwd=workspace.root(),
        env={"LD_LIBRARY_PATH": libraries},
        check=False,
    ).returncode


def buildifier(check):
    mode = ["-mode=check"] if check else ["-mode=fix"]
    return subprocess.run(
        [_BUILDIFIER, *mode, "-lint=warn", "-warnings=" + _BUILDIFIER_WARNINGS, *workspace.starlark_files()],
        cwd=workspace.root(),
        check=False,
    ).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", choices=["cxx", "starlark"])
    check = parser.parse_args().check
    status = 0
    if check != "starlark":
        status |= clang_format(check)
    if check != "cxx":
        status |= buildifier(check)
    if check and status:
        print("`bazel run //tools/lint:format` formats all files. Fix other findings by hand.")
    return status


if __name__ == "__main__":
    sys.exit(main())
