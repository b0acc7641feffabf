"""The documents of the repository are true where that can be checked by reading.

Sections that sources cite exist, each regression has a row and a test, each path and each Bazel label in a document exists.
"""

import functools
import glob
import os
import re
import unittest

from tools.lint import workspace

_ABI = "launcher/guest/ABI.md"
_VIRTIO_ABI = "launcher/guest/VIRTIO_ABI.md"
_REGRESSIONS = "launcher/tests/REGRESSIONS.md"

# A comment may break between the name of the document and the section.
_CITATION = re.compile(r"\b(ABI|VIRTIO_ABI)\.md((?:,?\s+(?://|#|\*)?\s*§[0-9]+(?:\.[0-9]+)?)+)")
_SECTION = re.compile(r"§([0-9]+(?:\.[0-9]+)?)")
_HEADING = re.compile(r"^#+ ([0-9]+(?:\.[0-9]+)?)\.? ", re.MULTILINE)

_NUMBER = re.compile(r"_([BF][0-9]+)(?![A-Za-z0-9])")
_ROW = re.compile(r"^\| ([BF][0-9]+) \|(.*)$", re.MULTILINE)
_CXX_TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P)\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)

_TOP_LEVEL = ("benchmarks", "devices", "hostsim", "launcher", "loader", "testdata", "tools")
_PATH = re.compile(rf"`((?:{'|'.join(_TOP_LEVEL)})/[\w./*-]*\w)`")
_LINK = re.compile(r"\]\(([^)#:]+)\)")
_LABEL = re.compile(r"(?<![\w/:])//([\w/.-]*)(?::([\w.-]+))?")


@functools.cache
def read(path):
    with open(os.path.join(workspace.root(), path), encoding="utf-8") as file:
        return file.read()


def documents():
    return [path for path in workspace.text_files() if path.endswith(".md")]


def citations(text, document="ABI"):
    """Returns the numbers of the sections of `document` that `text` cites."""
    return [section for name, sections in _CITATION.findall(text) if name == document for section in _SECTION.findall(sections)]


def test_names(text):
    """Returns the names, as they stand in a C++ or Python source, of all that may carry the number of a regression."""
    names = {f"{suite}.{name}" for suite, name in _CXX_TEST.findall(text)}
    names.update(re.findall(r"def (test_\w+)", text))
    names.update(re.findall(r'"(\w+_[BF][0-9]+)"', text))  # a parameter of a test
    return names


def label_exists(package, name):
    """True if a BUILD file has the target, or if the label is a pattern of packages that exist."""
    if package.endswith("..."):
        return os.path.isdir(os.path.join(workspace.root(), package[:-3]))
    if package == "visibility":
        return True
    build = os.path.join(package, "BUILD.bazel")
    if not os.path.exists(os.path.join(workspace.root(), build)):
        return False
    if name in ("", "all"):  # a package
        return True
    text = read(build)
    if f'"{name}"' in text or os.path.exists(os.path.join(workspace.root(), package, name)):
        return True
    # Names that a macro or a comprehension makes: of a name in the file and a suffix.
    parts = [part for part in re.findall(r'"([\w.-]+)"', text) if name.startswith(part) or name.endswith(part)]
    return any(name == a + b for a in parts for b in parts + ["_test", "_tidy", "_on_softcpu", "_smoke"])


class DocumentsTest(unittest.TestCase):
    def test_a_citation_over_two_comment_lines_is_seen(self):
        text = "// As ABI.md\n  // §2.1, §2.6 has it; ABI.md §4.\n"
        self.assertEqual(citations(text), ["2.1", "2.6", "4"])
        self.assertEqual(citations("ABI.md §1, VIRTIO_ABI.md §2.3", "VIRTIO_ABI"), ["2.3"])
        self.assertEqual(citations("ABI.md §1, VIRTIO_ABI.md §2.3"), ["1"])

    def test_cited_sections_exist(self):
        for document, name in ((_ABI, "ABI"), (_VIRTIO_ABI, "VIRTIO_ABI")):
            sections = set(_HEADING.findall(read(document)))
            self.assertIn("4", sections)
            for path in workspace.text_files():
                for section in citations(read(path), name):
                    with self.subTest(path, document=name, section=section):
                        self.assertIn(section, sections, f"{path} cites {name}.md §{section}, which does not exist")

    def test_the_table_of_hypercalls_is_the_enumeration(self):
        rows = re.search(r"^### 4\.1 .*?^### 4\.2", read(_ABI), re.MULTILINE | re.DOTALL)[0]
        documented = dict(re.findall(r"^\| ([0-9]+) \| ([A-Z_]+) \|", rows, re.MULTILINE))
        enumeration = re.search(r"enum class Hypercall [^{]*\{(.*?)\}", read("launcher/guest/abi.h"), re.DOTALL)[1]
        declared = {
            number: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
            for name, number in re.findall(r"k(\w+) = ([0-9]+)", enumeration)
        }
        self.assertEqual(documented, declared, f"{_ABI} §4.1 and launcher/guest/abi.h have different hypercalls")

    def test_each_number_in_a_test_name_has_a_row(self):
        rows = {number for number, _ in _ROW.findall(read(_REGRESSIONS))}
        for path in workspace.text_files():
            if not path.endswith((".cc", ".h", ".py", ".sh")) or path.startswith("tools/lint/"):
                continue
            for name in test_names(read(path)):
                for number in _NUMBER.findall(name):
                    with self.subTest(path, name=name):
                        self.assertIn(number, rows, f"{path}: {name} has no row in {_REGRESSIONS}")

    def test_each_row_names_tests_that_exist(self):
        known = set()
        for path in workspace.text_files():
            if path.endswith((".cc", ".h", ".py", ".sh")):
                known |= test_names(read(path))
        for number, row in _ROW.findall(read(_REGRESSIONS)):
            tests = re.findall(r"`(\w+[./][\w./]+|test_\w+)`", row)
            cannot_occur = "|" in row and not tests and len(row.strip(" |")) > 0
            with self.subTest(number):
                self.assertTrue(tests or cannot_occur, f"{number} has neither a test nor a reason")
            for test in tests:
                # A parameter of a parameterised test stands behind a slash, a Python test behind its class.
                name = test.rsplit("/", 1)[-1] if "/" in test else test
                name = name.rsplit(".", 1)[-1] if ".test_" in test else name
                with self.subTest(number, test=test):
                    self.assertIn(name, known, f"{_REGRESSIONS}: {number} names {test}, which does not exist")

    def test_paths_exist(self):
        for document in documents():
            text = read(document)
            for path in _PATH.findall(text):
                with self.subTest(document, path=path):
                    self.assertTrue(glob.glob(os.path.join(workspace.root(), path)), f"{document}: no {path}")
            for link in _LINK.findall(text):
                with self.subTest(document, link=link):
                    target = os.path.join(workspace.root(), os.path.dirname(document), link)
                    self.assertTrue(os.path.exists(target), f"{document}: no {link}")

    def test_labels_and_commands_exist(self):
        for document in documents():
            for package, name in _LABEL.findall(read(document)):
                with self.subTest(document, label=f"//{package}:{name}"):
                    self.assertTrue(label_exists(package, name), f"{document}: no target //{package}:{name}")


if __name__ == "__main__":
    unittest.main()
