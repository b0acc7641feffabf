"""Measures whole guests on every host that this machine has.

    bazel run -c opt //benchmarks:endtoend -- [--runs=N] [--kernel=FILE --initrd=FILE] [--json=FILE] [--plot=FILE.svg]
"""

import argparse
import json
import os
import sys
import tempfile

from benchmarks import measurements
from benchmarks import plot
from benchmarks import report
from benchmarks.guest_process import GuestError, Launcher

HOSTS = ("sim", "kvm", "device")
DISK_BYTES = 16 << 20
POWERS_OFF = ["test=boot"]  # our own guest's shortest run


def parse_arguments():
    parser = argparse.ArgumentParser(description="Measures whole guests on every host that this machine has.")
    # Bazel passes relative paths. chdir to the user's directory happens later.
    parser.add_argument("--launcher", required=True, type=os.path.abspath, help=argparse.SUPPRESS)
    parser.add_argument("--own-kernel", required=True, type=os.path.abspath, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=11, help="runs of each guest on each host (default 11)")
    parser.add_argument("--memory", type=int, default=64, help="memory of each guest in MB (default 64)")
    parser.add_argument("--kernel", help="a Linux kernel to measure as well; it must power off by itself")
    parser.add_argument("--initrd", help="initrd of that kernel")
    parser.add_argument("--append", default="console=hvc0", help="command line of that kernel (default console=hvc0)")
    parser.add_argument("--quick", action="store_true", help="one run and tiny sizes, to test that everything can be measured")
    parser.add_argument("--json", help="file for all numbers")
    parser.add_argument("--plot", help="file for a plot (SVG)")
    return parser.parse_args()


def usable(arguments):
    """Returns the hosts of this machine, as launchers."""
    for host in HOSTS:
        launcher = Launcher(arguments.launcher, host, arguments.memory)
        missing = launcher.missing(arguments.own_kernel, POWERS_OFF)
        if missing:
            print(f"{host}: {missing}", file=sys.stderr)
        else:
            yield launcher


def measure_runs(arguments, launchers, disk):
    """Returns {guest and host: [figures of each run]}. The hosts take turns. `disk` is an image for the user's guest."""
    guests = {"": (arguments.own_kernel, POWERS_OFF, [])}
    if arguments.kernel:
        options = [f"--block={disk}"]
        if arguments.initrd:
            options.append(f"--initrd={report.users_path(arguments.initrd)}")
        guests["linux "] = (report.users_path(arguments.kernel), arguments.append.split(), options)
    figures_of_runs = {}
    for _ in range(1 if arguments.quick else arguments.runs):
        for guest, (kernel, words, options) in guests.items():
            for launcher in launchers:
                figures = measurements.measure_run(launcher, kernel, words, options)
                figures_of_runs.setdefault(guest + launcher.host, []).append(figures)
    return figures_of_runs


def measure_more(launcher, kernel, sizes):
    """Returns {measure: [numbers]} of our own guest at its prompt, and of many guests at once."""
    processors = len(os.sched_getaffinity(0))
    guests = sizes.guests
    one = measurements.work_seconds(launcher, kernel, 1, sizes.repeat)
    many = measurements.work_seconds(launcher, kernel, guests, sizes.repeat)
    figures = {
        "idle_percent": measurements.idle_percent(launcher, kernel, sizes.idle_seconds),
        "work_seconds": one,
        f"work_seconds_of_{guests}": many,
        # 1 means: as fast as the number of processors allows.
        "parallel_slowdown": many / one / max(1, guests / processors),
        **measurements.parallel_memory(launcher, kernel, 1),
        **measurements.parallel_memory(launcher, kernel, guests),
    }
    echo = measurements.echo_us(launcher, kernel, sizes.keys)
    return {"echo_us": echo, **{name: [value] for name, value in figures.items()}}


def main():
    arguments = parse_arguments()
    results = {"machine": report.machine(), "runs": {}, "more": {}}
    launchers = list(usable(arguments))
    with tempfile.NamedTemporaryFile() as disk:
        disk.write(bytes(DISK_BYTES))  # No holes: reading a hole is faster than any disk.
        disk.flush()
        results["runs"] = measure_runs(arguments, launchers, disk.name)
    table = {name: report.summarize(rows) for name, rows in results["runs"].items()}
    for launcher in launchers:
        more = measure_more(
            launcher, arguments.own_kernel, measurements.QUICK if arguments.quick else measurements.Sizes())
        results["more"][launcher.host] = more
        table[launcher.host].update({name: report.summary(values) for name, values in more.items()})
    results["machine"]["load_average_after"] = round(os.getloadavg()[0], 1)
    print(", ".join(f"{name}: {value}" for name, value in results["machine"].items()))
    print(report.table(table))
    if arguments.json:
        report.write(arguments.json, json.dumps(results, indent=1))
    if arguments.plot:
        report.write(arguments.plot, plot.runs(table))


if __name__ == "__main__":
    try:
        main()
    except (GuestError, OSError) as error:
        sys.exit(f"endtoend: {error}")
