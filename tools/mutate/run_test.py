"""Tests that the tool reads its lists, changes one fragment at a time, and understands what Bazel says."""

import contextlib
import io
import os
import stat
import subprocess
import tempfile
import unittest
from unittest import mock

from tools.mutate import mutations, run

LIST = """\
# A list.

devices/a.cc limit
-  if (a < b)
+  if (a <= b)

devices/a.cc dropped-call
-  Call();
-  Call2();
lives: nobody listens
"""
SOURCE = "if (x) {\n  if (a < b) {\n  Call();\n  Call2();\n}\n"


class MutationsTest(unittest.TestCase):
    def test_entries_of_a_list(self):
        first, second = mutations.parse("devices.mutations", LIST)
        self.assertEqual((first.path, first.package, first.kind), ("devices/a.cc", "devices", "limit"))
        self.assertEqual(first.place, "devices.mutations:3")
        self.assertEqual(second.reason_to_live, "nobody listens")

    def test_only_the_fragment_changes(self):
        first, second = mutations.parse("list", LIST)
        self.assertEqual(first.apply(SOURCE), SOURCE.replace("a < b", "a <= b"))
        self.assertEqual(second.apply(SOURCE), "if (x) {\n  if (a < b) {\n\n}\n")

    def test_a_fragment_must_occur_once(self):
        first, _ = mutations.parse("list", LIST)
        with self.assertRaisesRegex(mutations.ListError, r"list:3: the fragment occurs 0 times in devices/a\.cc"):
            first.apply("other\n")
        with self.assertRaisesRegex(mutations.ListError, "occurs 2 times"):
            first.apply(SOURCE + SOURCE)

    def test_bad_entries_are_refused(self):
        for entry, why in (
            ("devices/a.cc\n-a\n+b\n", "is not a file and a kind"),
            ("devices/a.cc limit\n+b\n", "nothing is replaced"),
            ("devices/a.cc limit\n-a\n+a\n", "nothing is replaced"),
            ("devices/a.cc limit\n-a\nb\n", "begins with neither"),
        ):
            with self.subTest(entry), self.assertRaisesRegex(mutations.ListError, "list:1: .*" + why):
                mutations.parse("list", entry)


    def test_words_choose_mutations(self):
        first, second = mutations.parse("x.mutations", LIST)
        for word in ("devices/a", "a.cc", "x.mutations", "x.mutations:3"):
            self.assertTrue(run.is_meant(first, word), word)
        self.assertFalse(run.is_meant(second, "x.mutations:3"))
        self.assertFalse(run.is_meant(mutations.Mutation("x.mutations:31", "b.cc", "k", "a", "b", ""), "x.mutations:3"))


class OutcomeTest(unittest.TestCase):
    def test_the_test_that_saw_the_fault_is_named(self):
        output = "[  FAILED  ] BlockTest.Limit (3 ms)\n//devices/block:block_test   FAILED in 0.3s\n"
        self.assertEqual(run.outcome_of(3, output), ("killed", "//devices/block:block_test BlockTest.Limit"))
        self.assertEqual(run.outcome_of(3, "FAIL: test_x (__main__.T)\n//a:b FAILED in 1 out of 2\n"), ("killed", "//a:b test_x"))

    def test_a_test_that_ended_its_program_is_named(self):
        output = "[ RUN      ] A.B\n[       OK ] A.B (0 ms)\n[ RUN      ] A.C\n//a:b FAILED in 30.1s\n"
        self.assertEqual(run.outcome_of(3, output), ("killed", "//a:b A.C"))

    def test_no_failure(self):
        self.assertEqual(run.outcome_of(0, "//a:b PASSED in 0.3s\n"), ("survived", ""))

    def test_a_test_without_an_end_has_not_seen_the_fault(self):
        self.assertEqual(run.outcome_of(3, "//a:b   TIMEOUT in 60.0s\n"), ("hangs", "//a:b"))
        self.assertEqual(run.outcome_of(3, "//a:b   TIMEOUT in 60.0s\n//a:c   FAILED in 1s\n")[0], "killed")

    def test_a_fault_of_the_compiler_is_no_kill(self):
        outcome = run.outcome_of(1, "a.cc:3:4: error: unused variable\n")
        self.assertEqual(outcome, ("does not build", "a.cc:3:4: error: unused variable"))

    def test_another_status_is_an_error(self):
        with self.assertRaisesRegex(run.RunError, "status 37"):
            run.outcome_of(37, "the server has crashed")


class ScoreTest(unittest.TestCase):
    def test_each_package_has_a_line(self):
        first, _ = mutations.parse("list", LIST)
        other = mutations.parse("list", LIST.replace("devices/", "loader/"))[0]
        judged = [(first, "killed"), (first, "survived"), (first, "does not build"), (other, "killed")]
        self.assertEqual(
            run.score_lines(judged),
            [
                "devices: 1 of 2 killed (50 %); 1 does not build, 1 survived",
                "loader: 1 of 1 killed (100 %)",
                "all: 2 of 3 killed (67 %); 1 does not build, 1 survived",
            ],
        )


# Stands for Bazel. Its tests fail while the copied source has `a <= b`.
BAZEL = """\
#!/bin/sh
case "$2" in
query) case "$*" in *except*machine*1* | *cc_test*) echo //devices:a_test ;; esac ;;
test)
  grep -q '<=' devices/a.cc || exit 0
  echo '//devices:a_test   FAILED in 0.1s'
  exit 3 ;;
esac
"""


class RunTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.source = os.path.join(holder.name, "source")
        self.directory = os.path.join(holder.name, "work")
        self.write("devices/a.cc", SOURCE)
        self.write("tools/mutate/devices.mutations", LIST)
        bazel = self.write("../bin/bazel", BAZEL)
        os.chmod(bazel, stat.S_IRWXU)
        subprocess.run(["git", "init", "-q"], cwd=self.source, check=True)
        self.environment = {
            "BUILD_WORKSPACE_DIRECTORY": self.source,
            "PATH": os.path.dirname(bazel) + ":" + os.environ["PATH"],
        }

    def write(self, path, text):
        path = os.path.normpath(os.path.join(self.source, path))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run_main(self, *arguments):
        output = io.StringIO()
        with mock.patch.dict(os.environ, self.environment), contextlib.redirect_stdout(output):
            status = run.main(["--directory=" + self.directory, *arguments])
        return status, output.getvalue()

    def test_killed_and_explained(self):
        status, output = self.run_main()
        self.assertEqual(status, 0)
        self.assertIn("devices.mutations:3 devices/a.cc limit: killed: //devices:a_test\n", output)
        self.assertIn("devices.mutations:7 devices/a.cc dropped-call: survived: nobody listens\n", output)
        self.assertIn("all: 1 of 2 killed (50 %)", output)

    def test_the_copy_is_as_before_and_the_source_is_never_changed(self):
        self.run_main()
        for tree in (self.source, os.path.join(self.directory, "tree")):
            with open(os.path.join(tree, "devices/a.cc"), encoding="utf-8") as file:
                self.assertEqual(file.read(), SOURCE)

    def test_a_survivor_without_a_reason_is_an_error(self):
        self.write("tools/mutate/devices.mutations", LIST.replace("lives: nobody listens\n", ""))
        status, output = self.run_main("devices.mutations:7")
        self.assertEqual(status, 1)
        self.assertNotIn("devices.mutations:3", output)

    def test_tests_that_fail_without_a_mutation_are_an_error(self):
        self.write("devices/a.cc", SOURCE + "// <=\n")
        with self.assertRaisesRegex(run.RunError, "without a mutation: killed: //devices:a_test"):
            self.run_main()

    def test_a_list_that_does_not_fit_is_an_error_before_anything_runs(self):
        self.write("devices/a.cc", "other\n")
        with self.assertRaisesRegex(mutations.ListError, "occurs 0 times"):
            self.run_main()
        self.assertFalse(os.path.exists(self.directory))


if __name__ == "__main__":
    unittest.main()
