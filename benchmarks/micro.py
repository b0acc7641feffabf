"""Runs the benchmarks of the parts and prints each measurement beside its limit.

    bazel run -c opt //benchmarks:micro -- [--only=REGEX] [--repetitions=N] [--json=FILE]

What BM_Limit_X measures is what BM_X cannot be faster than.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

from benchmarks import report

LIMIT = "BM_Limit_"
# Google Benchmark's own numbers with a decimal point in a row; the others are counters of ours.
OWN_KEYS = {"real_time", "cpu_time", "items_per_second", "bytes_per_second"}
NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


def run(binary, only, repetitions):
    """The rows of all repetitions. Repetitions of different measurements take turns."""
    result = subprocess.run(
        [binary, f"--benchmark_filter={only}", f"--benchmark_repetitions={repetitions}", "--benchmark_min_time=0.1",
         "--benchmark_enable_random_interleaving=true", "--benchmark_format=json"],
        stdout=subprocess.PIPE, check=True)
    # Nothing at all is written when the filter leaves nothing.
    return json.loads(result.stdout)["benchmarks"] if result.stdout else []


def time_of(row):
    """Nanoseconds of an iteration: of the clock where the benchmark says so, else of the processor."""
    by_clock = row["run_name"].endswith(("/real_time", "/manual_time"))
    return row["real_time" if by_clock else "cpu_time"] * NANOSECONDS[row["time_unit"]]


def medians(rows):
    """{name: (nanoseconds, {counter: value}, error)} over the repetitions."""
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
    """The entry of what limits that measurement, which may have no variants where the measurement has some."""
    limit = name.replace("BM_", LIMIT, 1)
    family, _, rest = limit.partition("/")
    return measured.get(limit) or measured.get(f"{family}/{rest.partition('/')[2]}")


def lines(measured):
    """The table's lines: name, time, limit's time, speed in per cent of the limit's, counters."""
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
    parser = argparse.ArgumentParser(description="Prints each measurement of the parts beside its limit.")
    parser.add_argument("binaries", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--only", default=".", help="measurements whose names match this")
    parser.add_argument("--repetitions", type=int, default=11, help="of each measurement (default 11)")
    parser.add_argument("--json", help="file for all numbers")
    arguments = parser.parse_args()
    machine = report.machine()
    rows = [row for binary in arguments.binaries for row in run(binary, arguments.only, arguments.repetitions)]
    machine["load_average_after"] = round(os.getloadavg()[0], 1)
    print(", ".join(f"{name}: {value}" for name, value in machine.items()))
    print(report.markdown([["measurement", "time", "limit", "speed of the limit's", "counters"], *lines(medians(rows))]))
    if arguments.json:
        report.write(arguments.json, json.dumps({"machine": machine, "benchmarks": rows}, indent=1))


if __name__ == "__main__":
    try:
        main()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"micro: {error}")
