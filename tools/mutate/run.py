#!/usr/bin/python3
"""Changes the product in many small ways, one at a time, and tells which changes no test sees: bazel run //tools/mutate

The mutations are in tools/mutate/*.mutations. Each is made in a copy of the source tree, which has an output base of its own.
The unit tests of the changed package run first, then all unit tests, then all tests that need no virtual machine, with --qemu those,
too.
"""

import argparse
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

from tools.mutate import mutations

_PACKAGES = ("devices", "hostsim", "launcher", "loader")
_ALL = " + ".join(f"//{package}/..." for package in _PACKAGES)
_BAZEL_BUILD_FAILED = 1
_BAZEL_TESTS_FAILED = 3
_FAILED_TARGET = re.compile(r"^(//\S+) +(FAILED|TIMEOUT)", re.MULTILINE)
_FAILED_CASE = re.compile(r"^\[  FAILED  \] (\S+?),? |^(?:FAIL|ERROR): (test_\w+)", re.MULTILINE)
_BEGUN_CASE = re.compile(r"^\[ RUN      \] (\S+)", re.MULTILINE)
_CALM = ["--color=no", "--curses=no", "--noshow_progress", "--ui_event_filters=-info"]


class RunError(Exception):
    """The tests cannot be run, or fail without a mutation."""


def outcome_of(status, output):
    """Returns (outcome, detail) of `bazel test`. A test that only ran out of time did not see the fault."""
    if status == 0:
        return "survived", ""
    failed = dict(_FAILED_TARGET.findall(output))
    seen_by = [target for target, how in failed.items() if how == "FAILED"]
    if status == _BAZEL_TESTS_FAILED and seen_by:
        case = _FAILED_CASE.search(output)
        # A test that ends its program, for example by its deadline, is the last one that began.
        begun = _BEGUN_CASE.findall(output)
        name = (case[1] or case[2]) if case else begun[-1] if begun else ""
        return "killed", f"{seen_by[0]} {name}".rstrip()
    if status == _BAZEL_TESTS_FAILED and failed:
        return "hangs", next(iter(failed))
    if status == _BAZEL_BUILD_FAILED:
        return "does not build", next((line for line in output.splitlines() if "error:" in line), "")
    raise RunError(f"bazel ended with status {status}:\n{output[-2000:]}")


class Workspace:
    """A copy of the source tree in which mutations are tested."""

    def __init__(self, source, directory, test_timeout, use_qemu):
        self.tree = os.path.join(directory, "tree")
        self._output_base = os.path.join(directory, "output")
        self._test_timeout = test_timeout
        self._copy(source)
        # Lint does not look at what a program does. A test with the tag `manual` runs only as a part of another one.
        quick = f"tests({_ALL}) except attr('tags', 'lint|manual', {_ALL})"
        machines = f"rdeps({quick}, //tools/qemu:machine, 1)"
        self._quick = self._query(f"{quick} except {machines}")
        self._unit = self._query(f"kind('cc_test', {quick})")
        self._slow = self._query(machines) if use_qemu else []

    def _copy(self, source):
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=source, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
        files = {path for path in listed.split("\0") if path and os.path.lexists(os.path.join(source, path))}
        shutil.rmtree(self.tree, ignore_errors=True)
        for path in files:
            copy = os.path.join(self.tree, path)
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(os.path.join(source, path), copy, follow_symlinks=False)

    def _bazel(self, *arguments):
        command = ["bazel", f"--output_base={self._output_base}", *arguments]
        done = subprocess.run(command, cwd=self.tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout.decode(errors="replace")

    def _query(self, expression):
        status, output = self._bazel("query", *_CALM, expression)
        if status != 0:
            raise RunError(f"bazel query fails:\n{output}")
        return [line for line in output.splitlines() if line.startswith("//")]

    def _test(self, targets):
        options = ["--notest_keep_going", "--nokeep_going", "--build_tests_only", "--test_output=errors"]
        status, output = self._bazel("test", *_CALM, *options, f"--test_timeout={self._test_timeout}", "--", *targets)
        return outcome_of(status, output)

    def check_unchanged(self):
        """Fails if the tests fail without a mutation."""
        outcome, detail = self._test(self._quick + self._slow)
        if outcome != "survived":
            raise RunError(f"without a mutation: {outcome}: {detail}")

    def judge(self, mutation):
        """Tests one mutation, and takes it back. Returns (outcome, detail)."""
        path = os.path.join(self.tree, mutation.path)
        with open(path, encoding="utf-8") as file:
            original = file.read()
        mutated = mutation.apply(original)
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(mutated)
            own = [target for target in self._unit if target.startswith(f"//{mutation.package}:")]
            for targets in (own, self._unit, self._quick, self._slow):
                outcome, detail = self._test(targets) if targets else ("survived", "")
                if outcome != "survived":
                    break
            return outcome, detail
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(original)

    def shut_down(self):
        """Ends Bazel's server."""
        self._bazel("shutdown")


def score_lines(judged):
    """Returns lines with the score of each package. `judged`: [(mutation, outcome)]. One that does not build counts nowhere."""
    outcomes = collections.defaultdict(collections.Counter)
    for mutation, outcome in judged:
        for name in (mutation.path.partition("/")[0], "all"):
            outcomes[name][outcome] += 1
    lines = []
    for name in sorted(outcomes, key=lambda name: (name == "all", name)):
        counts = outcomes[name]
        total = counts.total() - counts["does not build"]
        rest = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()) if outcome != "killed")
        share = f" ({100 * counts['killed'] / total:.0f} %)" if total else ""
        lines.append(f"{name}: {counts['killed']} of {total} killed{share}{'; ' + rest if rest else ''}")
    return lines


def load_lists(source):
    """Returns all mutations of the source tree, after a check that each fits its file."""
    folder = os.path.join(source, "tools/mutate")
    found = []
    for name in sorted(name for name in os.listdir(folder) if name.endswith(".mutations")):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            found += mutations.parse(name, file.read())
    for mutation in found:
        with open(os.path.join(source, mutation.path), encoding="utf-8") as file:
            mutation.apply(file.read())
    return found


def is_meant(mutation, word):
    """True if `word` is a part of the mutation's file, its list, or its LIST:LINE."""
    return word in mutation.path or word in (mutation.place, mutation.place.partition(":")[0])


def main(arguments):
    parser = argparse.ArgumentParser(prog="bazel run //tools/mutate --", description=__doc__.partition("\n")[0])
    parser.add_argument("--directory", help="the copy and Bazel's outputs, kept for the next run (default: a temporary one)")
    parser.add_argument("--test_timeout", type=int, default=120, help="seconds for each test (default: 120)")
    parser.add_argument("--qemu", action="store_true", help="survivors meet the tests in virtual machines, too")
    parser.add_argument("word", nargs="*", help="only mutations of these files (or parts of paths), lists or LIST:LINE")
    options = parser.parse_args(arguments)
    source = os.environ["BUILD_WORKSPACE_DIRECTORY"]
    chosen = [m for m in load_lists(source) if not options.word or any(is_meant(m, word) for word in options.word)]
    if not chosen:
        parser.error("no such mutation")
    directory = options.directory or tempfile.mkdtemp(prefix="lguest-mutate-")
    directory = os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", ""), directory)
    workspace = Workspace(source, directory, options.test_timeout, options.qemu)
    judged = []
    try:
        workspace.check_unchanged()
        for mutation in chosen:
            outcome, detail = workspace.judge(mutation)
            judged.append((mutation, outcome))
            why = mutation.reason_to_live if outcome == "survived" else detail
            print(f"{mutation.place} {mutation.path} {mutation.kind}: {outcome}{': ' + why if why else ''}", flush=True)
    finally:
        workspace.shut_down()
        if not options.directory:
            # Bazel write-protects directories of its outputs.
            subprocess.run(["chmod", "-R", "u+w", directory], check=False)
            shutil.rmtree(directory)
    print("\n".join(score_lines(judged)))
    unexplained = [mutation for mutation, outcome in judged if outcome != "killed" and not mutation.reason_to_live]
    return 1 if unexplained else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (mutations.ListError, RunError) as error:
        sys.exit(f"mutate: {error}")
