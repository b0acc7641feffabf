"""The measurements of whole guests. Each function returns plain numbers, for JSON, the table and the plot."""

import collections
import contextlib
import dataclasses
import os
import re
import time

from benchmarks.guest_process import GuestError

PROMPT = b"guest> "
# Tests that compute, fault and switch address spaces, and never wait.
WORK = "test=page-tables,page-directories,syscalls,demand,cow"
# Output of //testdata/benchmark_init in the guest: "BENCH fork 812 ns".
OWN_FIGURE = re.compile(rb"^BENCH (\S+) ([0-9.]+) (\S+)\r*$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The amount of work for each measure."""
    keys: int = 200  # key presses, one after the other
    idle_seconds: float = 5
    guests: int = 16
    repeat: int = 100  # repetitions of WORK in each of many guests


QUICK = Sizes(keys=10, idle_seconds=0.2, guests=2, repeat=1)  # enough to test that everything can be measured


def measure_run(launcher, kernel, arguments, options=()):
    """Measures one guest from exec to power-off."""
    guest, stats = launcher.run(kernel, arguments, options)
    if guest.first_byte_ns is None:
        raise GuestError("the guest printed nothing")
    first = stats["first_run_monotonic_ns"]
    figures = {
        "first_instruction_ms": (first - guest.exec_ns) / 1e6,
        "first_byte_ms": (guest.first_byte_ns - first) / 1e6,
        "power_off_ms": (guest.end_ns - guest.first_byte_ns) / 1e6,
        "total_ms": (guest.end_ns - guest.exec_ns) / 1e6,
        "memory_mib": stats["memory_beyond_guest_bytes"] / (1 << 20),
        "exits_dma": stats["exits"]["dma"],
        "exits_broken_out": stats["exits"]["broken_out"],
        "exits_interrupted": stats["exits"]["interrupted"],
    }
    for name, value, unit in OWN_FIGURE.findall(guest.output):
        figures[f"guest's {name.decode()} [{unit.decode()}]"] = float(value)
    return figures


@contextlib.contextmanager
def at_prompt(launcher, kernel):
    """Starts our own guest and waits for its prompt."""
    guest = launcher.start(kernel, ["demo"])
    try:
        guest.read_until(PROMPT)
        yield guest
    finally:
        guest.kill()


def echo_us(launcher, kernel, keys):
    """Returns the time from a key press to its echo, for each key."""
    taken = []
    with at_prompt(launcher, kernel) as guest:
        for i in range(keys):
            time.sleep(0.005)  # Lets the guest go idle, as between the keys of a typing user.
            key = b"abcdefghij"[i % 10:i % 10 + 1]
            seen = len(guest.output)
            start = time.monotonic_ns()
            guest.type(key)
            guest.read_until(key, seen)
            taken.append((time.monotonic_ns() - start) / 1e3)
            if i % 50 == 49:  # before the line buffer is full
                guest.type(b"\r")
                guest.read_until(PROMPT, seen)
    return taken


def idle_percent(launcher, kernel, seconds):
    """Returns the share of a processor that a guest needs while it waits at its prompt."""
    with at_prompt(launcher, kernel) as guest:
        time.sleep(0.5)
        before, start = guest.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        return 100 * (guest.cpu_seconds() - before) / (time.monotonic() - start)


def work_seconds(launcher, kernel, count, repeat):
    """Returns the time that each of `count` guests needs for the same work, all running at once."""
    start = time.monotonic()
    guests = [launcher.start(kernel, [WORK, f"repeat={repeat}"]) for _ in range(count)]
    for guest in guests:
        errors = guest.finish()
        if guest.status != 0:
            raise GuestError(f"exit status {guest.status}: {errors}")
    return time.monotonic() - start


def parallel_memory(launcher, kernel, count):
    """Returns the memory of `count` guests at their prompts, for each guest: its private memory, its share of shared
    memory, and its resident part of the kernel file, in total and as a share."""
    with contextlib.ExitStack() as stack:
        guests = [stack.enter_context(at_prompt(launcher, kernel)) for _ in range(count)]
        total, of_kernel = collections.Counter(), collections.Counter()
        for guest in guests:
            total += guest.memory()
            of_kernel += guest.memory(os.path.realpath(kernel))
    return {
        f"own_mib_each_of_{count}": total["Private_Dirty"] / count / (1 << 20),
        f"shared_mib_each_of_{count}": (total["Pss"] - total["Private_Dirty"]) / count / (1 << 20),
        f"kernel_kib_each_of_{count}": of_kernel["Rss"] / count / 1024,
        f"kernel_share_kib_each_of_{count}": of_kernel["Pss"] / count / 1024,
    }
