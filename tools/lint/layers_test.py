"""Includes point the way that the table of launcher/ARCHITECTURE.md says, and targets are private where it says so."""

import os
import re
import unittest

from tools.lint import workspace

_DOCUMENT = "launcher/ARCHITECTURE.md"
_ROW = re.compile(r"^\| `([\w/]+)` \|((?: `[\w/]+`)*) ?\|$", re.MULTILINE)
# Includes of the project's own headers.
_INCLUDE = re.compile(r'^#include "((?:benchmarks|devices|hostsim|launcher|loader|testdata|tools)/[\w/.]+)"', re.MULTILINE)

# Folders, and endings of files, that are no part of the product.
_TEST_FOLDERS = {"testing", "tests", "vcpu_tests", "conformance", "differential"}
_TEST_FILES = ("_test.cc", "_fuzz.cc", "test_platform.cc")
_NOT_PRODUCT = ("benchmarks/", "testdata/", "tools/")

_PUBLIC = ("launcher/base/", "launcher/guest/", "launcher/host/", "tools/")


def read(path):
    with open(os.path.join(workspace.root(), path), encoding="utf-8") as file:
        return file.read()


def layers():
    """Returns {folder: folders that it may include}, itself among them."""
    return {folder: set(re.findall(r"[\w/]+", may)) | {folder} for folder, may in _ROW.findall(read(_DOCUMENT))}


def is_test(path):
    return path.startswith(_NOT_PRODUCT) or path.endswith(_TEST_FILES) or bool(_TEST_FOLDERS & set(path.split("/")[:-1]))


def wrong_arrows(path, text, table):
    """Returns the includes of the product source `path` that the table does not have."""
    folder = os.path.dirname(path)
    wrong = []
    for header in _INCLUDE.findall(text):
        if is_test(header) or os.path.dirname(header) not in table.get(folder, ()):
            wrong.append(header)
    return wrong


class LayersTest(unittest.TestCase):
    def test_an_arrow_upwards_and_one_into_a_test_are_found(self):
        table = {"loader": {"loader"}, "launcher": {"loader", "launcher"}}
        self.assertEqual(wrong_arrows("launcher/x.cc", '#include "loader/y.h"\n', table), [])
        self.assertEqual(wrong_arrows("loader/x.cc", '#include "launcher/y.h"\n', table), ["launcher/y.h"])
        self.assertEqual(wrong_arrows("launcher/x.cc", '#include "loader/testing/y.h"\n', table), ["loader/testing/y.h"])

    def test_the_table_has_no_circle(self):
        table = layers()
        self.assertIn("launcher", table)
        placed = set()
        while len(placed) < len(table):
            ready = {folder for folder, may in table.items() if folder not in placed and may - {folder} <= placed}
            self.assertTrue(ready, f"{_DOCUMENT}: a circle among {sorted(set(table) - placed)}")
            placed |= ready

    def test_includes_follow_the_table(self):
        table = layers()
        for path in workspace.cxx_files():
            if is_test(path) or not path.endswith((".cc", ".h", ".S")):
                continue
            with self.subTest(path):
                self.assertIn(os.path.dirname(path), table, f"{path}: {_DOCUMENT} has no row for its folder")
                self.assertEqual(wrong_arrows(path, read(path), table), [], f"{path}: {_DOCUMENT} does not have these arrows")

    def test_targets_are_private_but_for_the_foundation(self):
        for path in workspace.starlark_files():
            if path.endswith("BUILD.bazel") and not path.startswith(_PUBLIC):
                with self.subTest(path):
                    self.assertNotIn("//visibility:public", read(path), f"{path}: only {', '.join(_PUBLIC)} may be public")


if __name__ == "__main__":
    unittest.main()
