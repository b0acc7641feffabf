#!/usr/bin/python3
"""Runs the fuzz targets one after the other, and prints what each has found: bazel run //tools/fuzz -- --seconds=600

A target ends at its first finding. Inputs that reach new code, findings and libFuzzer's messages stay in a directory, which
the next run can continue with.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

# The time limit of one input is generous, because the machine may be busy.
_OPTIONS = ["-timeout=60", "-rss_limit_mb=4096", "-len_control=0", "-print_final_stats=1"]
_COVERAGE = re.compile(r"^#\d+\s.* cov: (\d+) ", re.MULTILINE)
_RUNS = re.compile(r"^stat::number_of_executed_units: (\d+)$", re.MULTILINE)
_EXECUTED = re.compile(r"^#(\d+)\s", re.MULTILINE)


class Result:
    """What one run of a target has found."""

    def __init__(self, messages, findings):
        coverage = [int(number) for number in _COVERAGE.findall(messages)]
        # The first number is that of the corpus.
        self.first, self.last = (coverage[0], coverage[-1]) if coverage else (0, 0)
        runs = _RUNS.findall(messages) or _EXECUTED.findall(messages) or ["0"]
        self.runs = int(runs[-1])
        self.findings = findings

    def __str__(self):
        new = f"{self.last - self.first} new of {self.last} edges"
        return f"{self.runs} runs, {new}, {len(self.findings)} findings"


def name_of(program):
    return os.path.basename(program).removesuffix("_fuzz")


def fuzz(program, seed_corpus, directory, seconds):
    """Runs `program` for `seconds`, starting with the inputs of `seed_corpus` and of the last run in `directory`."""
    corpus = os.path.join(directory, "corpus", name_of(program))
    findings = os.path.join(directory, "findings", name_of(program))
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(findings, exist_ok=True)
    before = set(os.listdir(findings))
    log = os.path.join(directory, name_of(program) + ".log")
    command = [program, *_OPTIONS, f"-max_total_time={seconds}", f"-artifact_prefix={findings}/", corpus]
    command += [seed_corpus] if os.path.isdir(seed_corpus) else []
    with open(log, "w+", encoding="utf-8", errors="replace") as file:
        status = subprocess.run(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, check=False).returncode
        file.seek(0)
        result = Result(file.read(), sorted(set(os.listdir(findings)) - before))
    if status != 0 and not result.findings:
        result.findings.append("none kept: see " + log)
    return result


def merge(program, source_corpus, directory):
    """Adds the inputs of `directory` that reach new edges to `source_corpus`, and returns how many."""
    before = len(os.listdir(source_corpus))
    command = [program, "-set_cover_merge=1", "-use_counters=0", source_corpus]
    command.append(os.path.join(directory, "corpus", name_of(program)))
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    return len(os.listdir(source_corpus)) - before


def main(arguments):
    parser = argparse.ArgumentParser(prog="bazel run //tools/fuzz --", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs (default: 60)")
    parser.add_argument("--directory", help="where the inputs, findings and messages are kept (default: a new one)")
    parser.add_argument("--merge", action="store_true", help="add a few inputs that reach all new edges to testdata/fuzz")
    parser.add_argument("--program", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("target", nargs="*", help="names of targets, such as elf_fuzz (default: all)")
    options = parser.parse_args(arguments)
    programs = [p for p in options.program if not options.target or os.path.basename(p) in options.target]
    unknown = set(options.target) - {os.path.basename(program) for program in programs}
    if unknown:
        parser.error("no such target: " + ", ".join(sorted(unknown)))
    directory = options.directory or tempfile.mkdtemp(prefix="lguest-fuzz-")
    directory = os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", ""), directory)
    failed = False
    for program in programs:
        print(f"{os.path.basename(program)}: ", end="", flush=True)
        result = fuzz(os.path.abspath(program), f"testdata/fuzz/{name_of(program)}", directory, options.seconds)
        print(result, flush=True)
        for finding in result.findings:
            print("  " + finding)
        failed = failed or bool(result.findings)
        if options.merge:
            corpus = os.path.join(os.environ["BUILD_WORKSPACE_DIRECTORY"], "testdata/fuzz", name_of(program))
            print(f"  {merge(os.path.abspath(program), corpus, directory)} files added to testdata/fuzz/{name_of(program)}")
    print("inputs, findings and messages are in " + directory)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
