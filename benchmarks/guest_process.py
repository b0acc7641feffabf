"""Runs a launcher with a guest, and measures from outside: times of events, output, and resource use."""

import collections
import json
import os
import pty
import select
import struct
import tempfile
import time

TIME_LIMIT = 600.0  # seconds for one run; much longer than any run takes


class GuestError(Exception):
    """The guest or its launcher failed."""


class GuestProcess:
    """A launcher on its own terminal, from exec to exit. All times are of time.monotonic_ns()."""

    def __init__(self, command):
        """Starts `command`, a list of words; the first one is a path."""
        self.output = b""
        self.first_byte_ns = None
        self._errors = tempfile.TemporaryFile()
        clock, child_clock = os.pipe()
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            self._exec(command, child_clock)
        os.close(child_clock)
        with os.fdopen(clock, "rb") as file:
            (self.exec_ns,) = struct.unpack("q", file.read(8))
        self.end_ns = None
        self.status = None

    def _exec(self, command, clock):
        """Runs in the child, and executes the launcher. Python's own start must not count."""
        try:
            os.dup2(self._errors.fileno(), 2)
            os.write(clock, struct.pack("q", time.monotonic_ns()))
            os.execv(command[0], command)
        finally:
            os._exit(127)

    def _read(self, deadline):
        """Reads the guest's output, waiting until `deadline`. Returns False at the end."""
        if not select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            self.kill()
            raise GuestError(f"no more output within the time limit, after: {self.output[-200:]!r}")
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # EIO: no process has the terminal open
            data = b""
        if data and self.first_byte_ns is None:
            self.first_byte_ns = time.monotonic_ns()
        self.output += data
        return bool(data)

    def read_until(self, text, start=0, time_limit=TIME_LIMIT):
        """Reads until `text` (bytes) appears after the first `start` bytes of the output."""
        deadline = time.monotonic() + time_limit
        while text not in self.output[start:]:
            if not self._read(deadline):
                raise GuestError(f"ended without the output {text!r}: {self.finish()}")

    def type(self, text):
        os.write(self._terminal, text)

    def finish(self, time_limit=TIME_LIMIT):
        """Waits for the exit. Returns the text on standard error."""
        deadline = time.monotonic() + time_limit
        while self.status is None and self._read(deadline):
            pass
        if self.status is None:
            _, status, self.usage = os.wait4(self.pid, 0)
            self.end_ns = time.monotonic_ns()
            self.status = os.waitstatus_to_exitcode(status)
            os.close(self._terminal)
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()

    def kill(self):
        """Kills the launcher if it still runs."""
        if self.status is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
            self.status = -9
            os.close(self._terminal)

    def cpu_seconds(self):
        """Returns the processor time of all threads so far, exact to the nanosecond."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def memory(self, path=""):
        """Returns {kind: bytes} of the launcher's mappings of a file, or of all mappings. Kinds as in /proc/PID/smaps: Rss, Pss, …"""
        kinds = collections.Counter()
        counts = False
        with open(f"/proc/{self.pid}/smaps", encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if "-" in words[0]:  # an address range: a new mapping begins
                    counts = line.rstrip().endswith(path)
                elif counts and words[-1] == "kB":
                    kinds[words[0].rstrip(":")] += int(words[1]) * 1024
        return kinds


class Launcher:
    """The launcher with the options that all runs share, on one of its hosts."""

    def __init__(self, path, host, memory_mb):
        self.path = path
        self.host = host
        self.memory_mb = memory_mb

    def start(self, kernel, arguments, options=()):
        """Starts a guest. `arguments` are the kernel's arguments."""
        return GuestProcess([
            self.path, f"--host={self.host}", *options, str(self.memory_mb), kernel, *arguments])

    def run(self, kernel, arguments, options=()):
        """Runs a guest until it powers off. Returns (process, output of --stats)."""
        with tempfile.NamedTemporaryFile(suffix=".json") as stats:
            guest = self.start(kernel, arguments, [f"--stats={stats.name}", *options])
            errors = guest.finish()
            if guest.status != 0:
                raise GuestError(f"exit status {guest.status}: {errors}")
            return guest, json.load(stats)

    def missing(self, kernel, arguments):
        """Returns why this host is not usable here, or nothing. It tries a guest that powers off."""
        guest = self.start(kernel, arguments)
        errors = guest.finish()
        if guest.status == 69:
            return errors
        if guest.status != 0:
            raise GuestError(f"--host={self.host}: exit status {guest.status}: {errors}")
        return ""
