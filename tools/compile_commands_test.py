"""Tests the conversion of aquery's output to compile_commands.json."""

import unittest

from tools import compile_commands

GCC = "tools/toolchain/bin/gcc"


def entries(*commands):
    aquery = {"actions": [{"mnemonic": "CppCompile", "arguments": [GCC, *command.split()]} for command in commands]}
    return compile_commands.convert(aquery, "/src", "/base", "/base/execroot/lguest")


class CompileCommandsTest(unittest.TestCase):
    def test_entry_has_directory_file_and_clang(self):
        (entry,) = entries("-std=c++20 -DA=1 -c launcher/a.cc")
        self.assertEqual(entry["directory"], "/src")
        self.assertEqual(entry["file"], "launcher/a.cc")
        clang = "/base/external/clang19/usr/lib/llvm-19/bin/clang"
        self.assertEqual(entry["arguments"], [clang, "-std=c++20", "-DA=1", "-c", "launcher/a.cc"])

    def test_flags_that_only_gcc_knows_are_dropped(self):
        (entry,) = entries(
            "-Btools/toolchain/bin/ --sysroot=external/gcc12 -fno-canonical-system-headers -fpch-deps -frandom-seed=x.o -Wall -c a.cc"
        )
        self.assertEqual(entry["arguments"][1:], ["-Wall", "-c", "a.cc"])

    def test_outputs_and_prelude_are_dropped(self):
        (entry,) = entries("-MD -MF a.d -include tools/prelude/gtest_prelude.h -c a.cc -o a.o")
        self.assertEqual(entry["arguments"][1:], ["-c", "a.cc"])

    def test_clang_uses_its_own_compiler_headers(self):
        (entry,) = entries(
            "-nostdinc -isystem external/gcc12/usr/lib/gcc/x86_64-linux-gnu/12/include -isystem external/gcc12/usr/include -c a.cc"
        )
        self.assertEqual(
            entry["arguments"][1:], ["-nostdlibinc", "-isystem", "/base/external/gcc12/usr/include", "-c", "a.cc"]
        )

    def test_third_party_headers_are_system_headers(self):
        (entry,) = entries("-iquote external/com_google_absl -c a.cc")
        self.assertEqual(entry["arguments"][1:], ["-isystem", "/base/external/com_google_absl", "-c", "a.cc"])

    def test_wconversion_means_the_same_as_for_gcc(self):
        (entry,) = entries("-Wconversion -c a.cc")
        self.assertEqual(entry["arguments"][1:3], ["-Wconversion", "-Wno-sign-conversion"])

    def test_generated_headers_are_found_in_the_execution_root(self):
        (entry,) = entries("-iquote . -iquote bazel-out/k8/bin -c a.cc")
        self.assertEqual(
            entry["arguments"][1:], ["-iquote", ".", "-iquote", "/base/execroot/lguest/bazel-out/k8/bin", "-c", "a.cc"]
        )

    def test_only_own_sources_have_entries(self):
        self.assertEqual(entries("-c external/zlib/a.c", "-c bazel-out/k8/bin/a.cc", "-c testdata/guest/entry.S"), [])

    def test_x86_64_has_precedence(self):
        for commands in (["-m32 -c a.cc", "-DX -c a.cc"], ["-DX -c a.cc", "-m32 -c a.cc"]):
            (entry,) = entries(*commands)
            self.assertEqual(entry["arguments"][1:], ["-DX", "-c", "a.cc"])


if __name__ == "__main__":
    unittest.main()
