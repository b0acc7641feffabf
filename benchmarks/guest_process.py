"""A launcher with a guest, watched from outside: when things happen, what it says, what it costs."""

import collections
import json
import os
import pty
import select
import struct
import tempfile
import time

TIME_LIMIT = 600.0  # seconds for one run; far more than anything here takes


class GuestError(Exception):
    """The guest, or its launcher, did not do what was expected."""


class GuestProcess:
    """A launcher on a terminal of its own, from exec to exit. All times are of time.monotonic_ns()."""

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
        """The child: nothing of Python's own starting up is to count."""
        try:
            os.dup2(self._errors.fileno(), 2)
            os.write(clock, struct.pack("q", time.monotonic_ns()))
            os.execv(command[0], command)
        finally:
            os._exit(127)

    def _read(self, deadline):
        """Takes what the guest has written, waiting for it until `deadline`; False at the end."""
        if not select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            self.kill()
            raise GuestError(f"nothing more within the time limit, after: {self.output[-200:]!r}")
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            data = b""
        if data and self.first_byte_ns is None:
            self.first_byte_ns = time.monotonic_ns()
        self.output += data
        return bool(data)

    def read_until(self, text, start=0, time_limit=TIME_LIMIT):
        """Reads until `text` (bytes) has been written after the first `start` bytes."""
        deadline = time.monotonic() + time_limit
        while text not in self.output[start:]:
            if not self._read(deadline):
                raise GuestError(f"ended without saying {text!r}: {self.finish()}")

    def type(self, text):
        os.write(self._terminal, text)

    def finish(self, time_limit=TIME_LIMIT):
        """Waits for the end. Returns what was written to standard error."""
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
        """Ends it here and now, if it has not ended."""
        if self.status is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
            self.status = -9
            os.close(self._terminal)

    def cpu_seconds(self):
        """The processor time of all threads so far, exact to the nanosecond."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def memory(self, path=""):
        """Bytes by kind, as /proc/PID/smaps names them (Rss, Pss, Private_Dirty, …), of what it maps of that file, or of all."""
        kinds = collections.Counter()
        counts = False
        with open(f"/proc/{self.pid}/smaps", encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if "-" in words[0]:  # addresses: a new mapping begins
                    counts = line.rstrip().endswith(path)
                elif counts and words[-1] == "kB":
                    kinds[words[0].rstrip(":")] += int(words[1]) * 1024
        return kinds


class Launcher:
    """The launcher on one of its hosts, with everything of the command line that does not change."""

    def __init__(self, path, host, memory_mb):
        self.path = path
        self.host = host
        self.memory_mb = memory_mb

    def start(self, kernel, arguments, options=()):
        """Starts a guest; `arguments` are its kernel's."""
        return GuestProcess([
            self.path, f"--host={self.host}", *options, str(self.memory_mb), kernel, *arguments])

    def run(self, kernel, arguments, options=()):
        """Lets a guest live until it powers off. Returns (process, what --stats says)."""
        with tempfile.NamedTemporaryFile(suffix=".json") as stats:
            guest = self.start(kernel, arguments, [f"--stats={stats.name}", *options])
            errors = guest.finish()
            if guest.status != 0:
                raise GuestError(f"exit status {guest.status}: {errors}")
            return guest, json.load(stats)

    def missing(self, kernel, arguments):
        """Why this host cannot be used here, or nothing; asked with a guest that powers off."""
        guest = self.start(kernel, arguments)
        errors = guest.finish()
        if guest.status == 69:
            return errors
        if guest.status != 0:
            raise GuestError(f"--host={self.host}: exit status {guest.status}: {errors}")
        return ""
