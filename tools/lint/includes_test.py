"""Checks that each C++ source includes the header of every library name that it uses, directly or through our own headers.

The compiler cannot report a missing include, because the preludes of //tools/prelude put these headers before every source.
"""

import functools
import os
import re
import unittest

from tools.lint import workspace

_INTEGER = r"u?int(8|16|32|64)_t|u?intptr_t"
_FUNCTION = r"memcpy|memset|memcmp|memmove|memchr|strlen|strcmp|strerror"

# Names that the preludes declare, as regular expressions, by header.
_HEADERS = {
    "absl/status/status.h": r"absl::(Status|OkStatus|StatusCode|\w+Error|ErrnoToStatus|Is[A-Z]\w+)",
    "absl/status/statusor.h": r"absl::StatusOr",
    "absl/strings/str_cat.h": r"absl::(StrCat|StrAppend|Hex|Dec)",
    "absl/strings/str_format.h": r"absl::(StrFormat|StrAppendFormat|PrintF|FPrintF)",
    "algorithm": r"std::(ranges::\w+|sort|find|find_if|any_of|all_of|count|count_if|min|max|minmax|mismatch|reverse|clamp|equal)(?=\()",
    "array": r"std::array",
    "atomic": r"std::(atomic|memory_order)\w*",
    "benchmark/benchmark.h": r"BENCHMARK(_\w+)?(?=\()|benchmark::\w+",
    "cstdint": rf"(std::)?({_INTEGER})",
    "cstring": rf"std::({_FUNCTION})",
    "functional": r"std::function",
    "gmock/gmock.h": r"testing::(ElementsAre|HasSubstr|StartsWith|EndsWith|Contains|Optional|Eq|Field|AllOf|IsEmpty|SizeIs|Pair)",
    "gtest/gtest.h": r"TEST|TEST_F|TEST_P|EXPECT_\w+|ASSERT_\w+",
    "limits": r"std::numeric_limits",
    "map": r"std::(multi)?map",
    "memory": r"std::(unique_ptr|shared_ptr|weak_ptr|make_unique|make_shared)",
    "optional": r"std::(optional|nullopt)",
    "ostream": r"std::ostream",
    "set": r"std::(multi)?set",
    "span": r"std::(span|as_bytes|as_writable_bytes)",
    "string": r"std::(string|to_string)",
    "string_view": r"std::string_view",
    "utility": r"std::(exchange|pair|swap|move|forward)",
    "variant": r"std::(variant|visit|holds_alternative|get_if)",
    "vector": r"std::vector",
}

# Headers that include others, as the standard requires or as their documentation says.
_BRINGS = {
    "gmock/gmock.h": {"gtest/gtest.h"},
    "iostream": {"ostream"},
    "sstream": {"ostream"},
    "absl/status/statusor.h": {"absl/status/status.h"},
}

_NAMES = {header: re.compile(rf"(?<![\w:])({names})(?![\w:])") for header, names in _HEADERS.items()}
_INCLUDE = re.compile(r'^#include ["<](.*)[">]', re.MULTILINE)
_NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(\\.|[^"\\\n])*"', re.DOTALL)


@functools.cache
def _included(path):
    """Returns the headers that the file includes, directly or through the project's own headers."""
    with open(os.path.join(workspace.root(), path), encoding="utf-8") as file:
        found = set(_INCLUDE.findall(file.read()))
    for header in list(found):
        found |= _BRINGS.get(header, set())
        if os.path.exists(os.path.join(workspace.root(), header)):
            found |= _included(header)
    return found


def missing(text, included):
    """Returns {name: header} for the names that the source `text` uses but whose header is not in `included`."""
    code = _NOT_CODE.sub("", text)
    uses = {header: names.search(code) for header, names in _NAMES.items() if header not in included}
    return {use[0]: header for header, use in uses.items() if use}


class IncludesTest(unittest.TestCase):
    def test_comments_and_strings_are_not_code(self):
        text = '// std::map\n/* std::set */ auto a = "std::span";\nstd::vector<std::string> b;  // c\n'
        self.assertEqual(missing(text, {"string"}), {"std::vector": "vector"})

    def test_sources_include_what_they_use(self):
        for path in workspace.cxx_files():
            if path.endswith(".c"):
                continue
            with open(os.path.join(workspace.root(), path), encoding="utf-8") as file:
                text = file.read()
            for name, header in missing(text, _included(path)).items():
                with self.subTest(path, name=name):
                    self.fail(f"{path}: uses {name} without including {header}")


if __name__ == "__main__":
    unittest.main()
