#!/usr/bin/python3
"""Boots a machine in QEMU, runs a program there as root, and exits with the status of the program.

Standard output carries the console of the machine. If the machine fails, this prints one sentence on standard error and
exits with status 125. It leaves nothing behind: QEMU dies with it, and its files have no names.
"""

import argparse
import contextlib
import ctypes
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import termios
import time

from tools.qemu import machine

MACHINE_FAILED = 125

# This timeout is shorter than Bazel's, so that the test can still print how far the machine got.
_MARGIN = 5  # seconds

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Watch:
    """Reads the serial lines of a machine while it runs. init.cc documents the second line."""

    def __init__(self, output):
        self.status = None
        self.started = False
        self.stage = "the kernel has not started init"
        self.console = b""
        self._output = output
        self._report = b""

    def on_console(self, data):
        self.console += data
        self._output.write(data)
        self._output.flush()

    def on_report(self, data):
        *lines, self._report = (self._report + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode(errors="replace").partition(" ")
            if word == "error":
                raise machine.MachineError(rest)
            if word == "started":
                self.started = True
                self.stage = "the program has not ended"
            if word == "status":
                self.status = int(rest)


def _die_with_parent():
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _memory_file(name):
    return os.memfd_create(name)


def _start(description, sockets):
    """Starts QEMU. The initramfs and the disks are unnamed files in memory, so they disappear with QEMU."""
    initramfs = _memory_file("initramfs")
    with open(initramfs, "wb", closefd=False) as file:
        machine.write_initramfs(description, file)
    disks = []
    for size in description["disks"]:
        disks.append(_memory_file("disk"))
        os.truncate(disks[-1], machine.disk_size(size))
    descriptors = [initramfs, *disks]
    try:
        return subprocess.Popen(
            machine.qemu_command(description, initramfs, disks, sockets),
            env=machine.qemu_environment(description),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[*descriptors, *(line.fileno() for line in sockets)],
            preexec_fn=_die_with_parent,
        )
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _watch_lines(watch, console, report, deadline, keyboard):
    """Reads both lines until the program or QEMU has ended, then reads the rest of the console."""
    selector = selectors.PollSelector()
    selector.register(console, selectors.EVENT_READ, watch.on_console)
    selector.register(report, selectors.EVENT_READ, watch.on_report)
    while watch.status is None and report in selector.get_map():
        # Send input only now: the kernel discards input that arrives before it opens the line.
        if watch.started and keyboard is not None:
            selector.register(keyboard, selectors.EVENT_READ, console.sendall)
            keyboard = None
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise machine.MachineError(f"timed out: {watch.stage}")
        for key, _ in selector.select(left):
            data = os.read(key.fd, 1 << 16)
            if data:
                key.data(data)
            else:
                selector.unregister(key.fileobj)
    # Init drained the console before it reported the status, so all output has arrived.
    console.setblocking(False)
    try:
        while data := console.recv(1 << 16):
            watch.on_console(data)
    except BlockingIOError:
        pass


def _why_it_ended(complaints, stage):
    """Returns a sentence about a QEMU that ended before the program in the machine."""
    lines = [line for line in complaints.decode(errors="replace").splitlines() if line and "warning:" not in line]
    said = re.sub(r"\S*qemu-system-x86_64: ", "", lines[-1]) if lines else "no message"
    return f"QEMU ended before the program: {stage}; QEMU's last message: {said}"


def _missing_passes(description, console):
    """Returns a sentence about tests that the program failed or did not report, or None."""
    lines = console.decode(errors="replace").splitlines()
    failures = [line.strip() for line in lines if line.startswith("FAIL")]
    if failures:
        return failures[0]
    missing = [name for name in description["passes"] if f"PASS {name}" not in map(str.strip, lines)]
    return f"the program did not report PASS {', '.join(missing)}" if missing else None


def run(description, output, limit=None, keyboard=None):
    """Runs the machine.

    Args:
      description: the description, as in machine.py.
      output: binary file for the console.
      limit: seconds until the machine is stopped, or None.
      keyboard: file whose input goes to the console, or None.
    Returns:
      The exit status of the program.
    Raises:
      MachineError: the machine did not run the program to its end.
    """
    deadline = None if limit is None else time.monotonic() + limit
    watch = Watch(output)
    with contextlib.ExitStack() as stack:

        def line():
            return [stack.enter_context(end) for end in socket.socketpair()]

        console, report = line(), line()
        far_ends = [console[1], report[1], *(line() if description["null_modem"] else ())]
        qemu = stack.enter_context(_start(description, far_ends))
        stack.callback(qemu.kill)
        for end in far_ends:
            end.close()
        _watch_lines(watch, console[0], report[0], deadline, keyboard)
        if watch.status is None:
            raise machine.MachineError(_why_it_ended(qemu.stderr.read(), watch.stage))
    failure = _missing_passes(description, watch.console) if watch.status == 0 else None
    if failure:
        raise machine.MachineError(failure)
    return watch.status


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, help="seconds until the machine is stopped")
    parser.add_argument("machine", help="the machine's description")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a command to run instead of the machine's program")
    options = parser.parse_args(arguments)
    with open(options.machine, encoding="utf-8") as file:
        description = json.load(file)
    not_given = [f"{flag}=FILE" for flag, path in description["flags"].items() if not path]
    if not_given:
        print(f"SKIPPED: needs {' '.join(not_given)}")
        return 0
    if options.command:
        description["command"] = options.command
    limit = options.limit
    if limit is None and "TEST_TIMEOUT" in os.environ:
        limit = int(os.environ["TEST_TIMEOUT"]) - _MARGIN
    keyboard = sys.stdin if description["tty"] else None
    settings = termios.tcgetattr(keyboard) if keyboard and keyboard.isatty() else None
    try:
        return run(description, sys.stdout.buffer, limit, keyboard)
    except (machine.MachineError, OSError) as error:
        print(f"{description['name']}: {error}", file=sys.stderr)
        return MACHINE_FAILED
    finally:
        if settings:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
