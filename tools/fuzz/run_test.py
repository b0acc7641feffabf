"""Tests that run.py counts what a libFuzzer program reports."""

import contextlib
import io
import os
import stat
import tempfile
import unittest
from unittest import mock

import run

MESSAGES = """\
INFO: seed corpus: files: 3
#4\tINITED cov: 100 ft: 120 corp: 3/30b exec/s: 0 rss: 40Mb
#90\tNEW    cov: 107 ft: 130 corp: 4/40b lim: 40 exec/s: 0 rss: 40Mb
#5000\tDONE   cov: 107 ft: 130 corp: 4/40b lim: 40 exec/s: 5000 rss: 40Mb
stat::number_of_executed_units: 5000
"""


class RunTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = holder.name

    def program(self, script):
        path = os.path.join(self.directory, "some_fuzz")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(path, stat.S_IRWXU)
        return path

    def run_main(self, *arguments):
        output = io.StringIO()
        with mock.patch.dict(os.environ, {"BUILD_WORKING_DIRECTORY": self.directory}):
            with contextlib.redirect_stdout(output):
                status = run.main(["--directory=work", *arguments])
        return status, output.getvalue()

    def test_runs_and_new_coverage(self):
        program = self.program(f"cat <<'END'\n{MESSAGES}END\n")
        status, output = self.run_main("--program=" + program)
        self.assertEqual(status, 0)
        self.assertIn("some_fuzz: 5000 runs, 7 new of 107 edges, 0 findings\n", output)

    def test_a_finding_is_an_error(self):
        # The program writes the input into the directory of its option -artifact_prefix.
        script = 'for word; do case $word in -artifact_prefix=*) echo x >"${word#*=}crash-1" ;; esac; done\necho "#77\tNEW"\nexit 77\n'
        status, output = self.run_main("--program=" + self.program(script))
        self.assertEqual(status, 1)
        self.assertIn("some_fuzz: 77 runs, 0 new of 0 edges, 1 findings\n  crash-1\n", output)

    def test_an_error_without_an_input_is_a_finding(self):
        status, output = self.run_main("--program=" + self.program("exit 1\n"))
        self.assertEqual(status, 1)
        self.assertIn("1 findings\n  none kept", output)

    def test_merge_adds_inputs_to_the_source_tree(self):
        corpus = os.path.join(self.directory, "testdata/fuzz/some")
        os.makedirs(corpus)
        program = self.program('[ "$1" != -set_cover_merge=1 ] || echo x >"$3/new"\n')
        with mock.patch.dict(os.environ, {"BUILD_WORKSPACE_DIRECTORY": self.directory}):
            _, output = self.run_main("--merge", "--program=" + program)
        self.assertIn("  1 files added to testdata/fuzz/some\n", output)

    def test_only_the_named_targets_run(self):
        program = self.program("exit 0\n")
        _, output = self.run_main("--program=" + program, "--program=/other_fuzz", "some_fuzz")
        self.assertNotIn("other", output)
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
            self.run_main("--program=" + program, "third_fuzz")


if __name__ == "__main__":
    unittest.main()
