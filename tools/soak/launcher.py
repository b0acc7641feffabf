"""A launcher on a terminal of its own, and what it may not leave behind."""

import contextlib
import errno
import fcntl
import os
import pty
import select
import subprocess
import termios
import time

PATIENCE = 60  # seconds until a process that was told to end counts as one that does not


class Left(Exception):
    """Something is left behind, or a guest has died without being killed."""


def processes_of(session):
    """Returns the processes of a session that have not ended."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
            state, _, _, its_session = file.read().rpartition(") ")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                found.append(int(name))
    return found


def check_unlocked(path):
    """Raises Left if somebody has locked the file."""
    with open(path, "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Left(f"{path} is still locked") from error


class Launcher:
    """A launcher on a terminal. `screen` is what has appeared there."""

    def __init__(self, command):
        self.screen = b""
        self.user, terminal = pty.openpty()
        self._before = termios.tcgetattr(terminal)
        self._terminal = terminal

        def take_terminal():
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)  # so that the guest ends with this program

        self.process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, preexec_fn=take_terminal)

    def read(self):
        """Reads what is on the terminal. False at its end."""
        try:
            self.screen += os.read(self.user, 65536)
            return True
        except OSError as error:
            if error.errno == errno.EIO:
                return False
            raise

    def watch(self, seconds):
        """Reads for so long. Raises Left if the launcher ends meanwhile."""
        deadline = time.monotonic() + seconds
        while (rest := deadline - time.monotonic()) > 0:
            if select.select([self.user], [], [], rest)[0] and (not self.read() or self.process.poll() is not None):
                raise Left(f"a guest has died: {self.screen[-500:].decode(errors='replace')}")

    def wait_for(self, pattern, start=0):
        """Waits for a compiled pattern on the screen from `start` on. Returns the match."""
        deadline = time.monotonic() + PATIENCE
        while not (found := pattern.search(self.screen, start)):
            if time.monotonic() > deadline:
                raise Left(f"{pattern.pattern!r} does not appear: {self.screen[-500:].decode(errors='replace')}")
            self.watch(0.05)
        return found

    def type(self, text):
        os.write(self.user, text.encode())

    def end(self, number):
        """Sends a signal and waits for the end. Returns the exit status."""
        self.process.send_signal(number)
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise Left(f"the launcher runs on after signal {number}")
            if select.select([self.user], [], [], 0.01)[0]:
                self.read()
        return self.process.returncode

    def is_restored(self):
        return termios.tcgetattr(self._terminal) == self._before

    def examine(self):
        """Checks, after the end, that no process is left."""
        os.close(self._terminal)
        # The terminal ends when no process has it any more.
        while True:
            if not select.select([self.user], [], [], PATIENCE)[0]:
                raise Left("a process still has the terminal")
            if not self.read():
                break
        os.close(self.user)
        left = processes_of(self.process.pid)
        if left:
            raise Left(f"processes {left} are left")
