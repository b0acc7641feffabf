"""Checks that a target of the same folder names every C++ file, that every target has a clang-tidy test, and how errno is read."""

import fnmatch
import os
import re
import unittest

from tools.lint import workspace

_RULES = ("cc_binary", "cc_library", "cc_test")


def read_build_file(folder):
    path = os.path.join(workspace.root(), folder, "BUILD.bazel")
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


class SourcesTest(unittest.TestCase):
    def test_every_file_belongs_to_a_target(self):
        for path in workspace.cxx_files():
            folder, name = os.path.split(path)
            with self.subTest(path):
                # A BUILD file names a file by its name, by a glob pattern, or by its stem in a list of targets.
                patterns = re.findall(r'"([^"]*)"', read_build_file(folder))
                stem = os.path.splitext(name)[0]
                named = stem in patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
                self.assertTrue(named, f"{path} is in no target of {folder}/BUILD.bazel")

    def test_errno_is_read_first(self):
        # ErrnoStatus() reads errno first, but its arguments are evaluated before that, and building a string may change
        # errno.
        late = re.compile(r"absl::ErrnoToStatus\(\s*errno|ErrnoStatusF?\([^;]*absl::Str(Cat|Format|Join)\(")
        for path in workspace.cxx_files():
            with open(os.path.join(workspace.root(), path), encoding="utf-8") as file:
                found = late.search(file.read())
            with self.subTest(path):
                self.assertIsNone(found, f"{path}: an argument may change errno before it is read; pass plain values to ErrnoStatus()")

    def test_every_cc_rule_comes_from_tools_cc_bzl(self):
        for path in workspace.starlark_files():
            if os.path.basename(path) != "BUILD.bazel" or path.startswith("tools/third_party/"):
                continue
            text = read_build_file(os.path.dirname(path))
            loaded = re.search(r'load\("//tools:cc.bzl",([^)]*)\)', text)
            for rule in _RULES:
                with self.subTest(path, rule=rule):
                    if re.search(rf"^\s*(native\.)?{rule}\(", text, re.MULTILINE):
                        self.assertTrue(loaded and f'"{rule}"' in loaded[1], f'{path}: load("//tools:cc.bzl", "{rule}")')


if __name__ == "__main__":
    unittest.main()
