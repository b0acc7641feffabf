"""Runs the component benchmarks and prints each measurement beside its limit.

    bazel run -c opt //benchmarks:micro -- [--only=REGEX] [--repetitions=N] [--json=FILE]

BM_Limit_X measures the upper bound for the speed of BM_X.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

from benchmarks import report

LIMIT = "BM_Limit_"
# Google Benchmark's own floating-point fields in a row. All others are our own counters.
OWN_KEYS = {"real_time", "cpu_time", "items_per_second", "bytes_per_second"}
NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


def run(binary, only, repetitions):
    """Returns the rows of all repetitions. Repetitions of different measurements take turns."""
    result = subprocess.run(
        [binary, f"--benchmark_filter={only}", f"--benchmark_repetitions={repetitions}", "--benchmark_min_time=0.1",
         "--benchmark_enable_random_interleaving=true", "--benchmark_format=json"],
        stdout=subprocess.PIPE, check=True)
    # The benchmark writes nothing if no measurement matches the filter.
    return json.loads(result.stdout)["benchmarks"] if result.stdout else []


def time_of(row):
    """Returns the nanoseconds of an iteration: real time if the benchmark asks for it, else processor time."""
    by_clock = row["run_name"].endswith(("/real_time", "/manual_time"))
    return row["real_time" if by_clock else "cpu_time"] * NANOSECONDS[row["time_unit"]]


def medians(rows):
    """Returns {name: (nanoseconds, {counter: value}, error)}, with medians over the repetitions."""
    by_name = {}
    for row in rows:
        if row["run_type"] == "iteration":
            by_name.setdefault(row["run_name"], []).append(row)
    result = {}
    for name, runs in by_name.items():
        counters = {
            key: statistics.median(row[key] for row in runs)
            for key, value in runs[0].items() if isinstance(value, float) and key not in OWN_KEYS}
        result[name] = (statistics.median(map(time_of, runs)), counters, runs[0].get("error_message", ""))
    return result


def limit_of(name, measured):
    """Returns the entry of the limit of that measurement. All variants of a measurement may share one limit."""
    limit = name.replace("BM_", LIMIT, 1)
    family, _, rest = limit.partition("/")
    return measured.get(limit) or measured.get(f"{family}/{rest.partition('/')[2]}")


def lines(measured):
    """Returns the table's lines: name, time, time of the limit, speed in per cent of the limit, counters."""
    for name, (nanoseconds, counters, error) in measured.items():
        if name.startswith(LIMIT):
            continue
        if error:
            yield [name, error, "", "", ""]
            continue
        limit = limit_of(name, measured)
        yield [
            name,
            report.number(nanoseconds) + " ns",
            report.number(limit[0]) + " ns" if limit else "",
            f"{100 * limit[0] / nanoseconds:.1f} %" if limit else "",
            ", ".join(f"{key} {report.number(value)}" for key, value in counters.items()),
        ]


def main():
    parser = argparse.ArgumentParser(description="Prints each measurement of the component benchmarks beside its limit.")
    parser.add_argument("binaries", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--only", default=".", help="only run measurements whose names match this")
    parser.add_argument("--repetitions", type=int, default=11, help="repetitions of each measurement (default 11)")
    parser.add_argument("--json", help="file for all numbers")
    arguments = parser.parse_args()
    machine = report.machine()
    rows = [row for binary in arguments.binaries for row in run(binary, arguments.only, arguments.repetitions)]
    machine["load_average_after"] = round(os.getloadavg()[0], 1)
    print(", ".join(f"{name}: {value}" for name, value in machine.items()))
    print(report.markdown([["measurement", "time", "limit", "speed in % of the limit", "counters"], *lines(medians(rows))]))
    if arguments.json:
        report.write(arguments.json, json.dumps({"machine": machine, "benchmarks": rows}, indent=1))


if __name__ == "__main__":
    try:
        main()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"micro: {error}")
