#!/usr/bin/python3
"""Merges gcov and LCOV coverage data into one LCOV file. Bazel needs this tool for `bazel coverage`; Debian does not ship it."""

import argparse
import collections
import glob
import gzip
import json
import os
import re


class Coverage:
    """How often each line and each function of each source file ran."""

    def __init__(self):
        self.lines = collections.defaultdict(collections.Counter)
        self.functions = collections.defaultdict(dict)

    def add_function(self, source, name, line, count):
        known_line, known_count = self.functions[source].get(name, (0, 0))
        self.functions[source][name] = (line or known_line, known_count + count)

    def read_gcov(self, path):
        with gzip.open(path) as file:
            data = json.load(file)
        for entry in data["files"]:
            source = entry["file"]
            for line in entry["lines"]:
                self.lines[source][line["line_number"]] += line["count"]
            for function in entry["functions"]:
                self.add_function(source, function["name"], function["start_line"], function["execution_count"])

    def read_lcov(self, path):
        source = None
        with open(path, encoding="utf-8", errors="replace") as file:
            for record in file:
                kind, _, value = record.strip().partition(":")
                if kind == "SF":
                    source = value
                elif kind == "DA":
                    line, count = value.split(",")[:2]
                    self.lines[source][int(line)] += int(count)
                elif kind == "FN":
                    line, name = value.split(",", 1)
                    self.add_function(source, name, int(line), 0)
                elif kind == "FNDA":
                    count, name = value.split(",", 1)
                    self.add_function(source, name, 0, int(count))

    def write_lcov(self, path, wanted):
        with open(path, "w", encoding="utf-8") as file:
            for source in filter(wanted, sorted(self.lines)):
                functions = sorted(self.functions[source].items())
                lines = sorted(self.lines[source].items())
                file.write(f"SF:{source}\n")
                file.writelines(f"FN:{line},{name}\n" for name, (line, _) in functions)
                file.writelines(f"FNDA:{count},{name}\n" for name, (_, count) in functions)
                file.writelines(f"DA:{line},{count}\n" for line, count in lines)
                hit = sum(1 for _, count in lines if count)
                file.write(f"LH:{hit}\nLF:{len(lines)}\nend_of_record\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coverage_dir", help="merge all files below this folder (the data of one test)")
    parser.add_argument("--reports_file", help="merge the LCOV files that this file lists (the data of all tests)")
    parser.add_argument("--output_file", required=True)
    parser.add_argument("--filter_sources", action="append", default=[], help="a pattern of the sources to leave out")
    parser.add_argument("--source_file_manifest", help="a file that lists the sources to keep")
    return parser.parse_known_args()[0]


def read_words(path):
    with open(path, encoding="utf-8") as file:
        return file.read().split()


def main():
    arguments = parse_arguments()
    coverage = Coverage()
    if arguments.reports_file:
        for path in filter(os.path.isfile, read_words(arguments.reports_file)):
            coverage.read_lcov(path)
    if arguments.coverage_dir:
        for path in glob.glob(arguments.coverage_dir + "/**/*.dat", recursive=True):
            coverage.read_lcov(path)
        for path in glob.glob(arguments.coverage_dir + "/**/*.gcov.json.gz", recursive=True):
            coverage.read_gcov(path)
    skipped = [re.compile(pattern) for pattern in arguments.filter_sources]
    kept = set(read_words(arguments.source_file_manifest)) if arguments.source_file_manifest else None

    def wanted(source):
        return not any(pattern.fullmatch(source) for pattern in skipped) and (kept is None or source in kept)

    coverage.write_lcov(arguments.output_file, wanted)


if __name__ == "__main__":
    main()
