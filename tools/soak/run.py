#!/usr/bin/python3
"""Kills launchers at random moments and looks at what they leave behind: bazel run //tools/soak -- --kills=200

Two guests with a terminal, a disk and a network that they share are always at work, with a tap each if this machine lets an
ordinary user make one. One of them gets SIGKILL, everything that it had is examined, and a new guest takes its place. In the end
both get SIGTERM, and no name may be left.
"""

import argparse
import contextlib
import ctypes
import fcntl
import os
import random
import select
import signal
import socket
import struct
import sys
import tempfile
import time

from tools.soak import load
from tools.soak.launcher import Launcher, Left, check_unlocked
from tools.soak.linux import LinuxSoak

_SECTORS = 2048
_GUESTS = 2
_LONGEST_LIFE = 0.8  # seconds; a guest begins to write after a tenth of it
_SLOTS = 680  # more than a network has
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


def enter_network_namespace():
    """Gives this process a network of its own, in which it may make taps. False if this machine does not allow that."""
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open("/proc/self/" + name, "w", encoding="utf-8") as file:
            file.write(text)
    with contextlib.suppress(OSError), open("/dev/net/tun", "r+b", buffering=0):
        return True
    return False


def interfaces():
    return {name for _, name in socket.if_nameindex()} - {"lo"}


def locked_slots(path):
    """Returns how many slots of the file of a shared network somebody has locked."""
    count = 0
    with open(path, "r+b") as file:
        for slot in range(_SLOTS):
            # struct flock of x86-64: type, whence, start, len, pid.
            lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, slot, 1, 0)
            holder = fcntl.fcntl(file, fcntl.F_GETLK, lock)
            count += struct.unpack("hhqqi4x", holder)[0] != fcntl.F_UNLCK
    return count


class Guest(Launcher):
    """A launcher whose guest writes to a disk and to networks."""

    def __init__(self, launcher, kernel, directory, number, disk, has_tap):
        self.disk = disk
        self.disk_path = os.path.join(directory, f"disk{number}")
        command = [launcher, "--host=sim", "--block=" + self.disk_path, "--sharenet=" + os.path.join(directory, "net")]
        command += [f"--tunnet=10.77.{number}.1/24"] if has_tap else []
        super().__init__([*command, "64", kernel, f"load={disk.next}"])

    def examine(self):
        """Checks, after the end, all that belonged to this guest alone."""
        super().examine()
        check_unlocked(self.disk_path)
        with open(self.disk_path, "rb") as file:
            try:
                self.disk.check(file.read(), load.last_acknowledged(self.screen))
            except load.Damage as error:
                raise Left(f"{self.disk_path}: {error}") from error


class Soak:
    def __init__(self, launcher, kernel, directory, has_taps, random_source):
        self._make = lambda number, disk: Guest(launcher, kernel, directory, number, disk, has_taps)
        self._directory = directory
        self._has_taps = has_taps
        self._net = os.path.join(directory, "net")
        self._random = random_source
        for number in range(_GUESTS):
            with open(os.path.join(directory, f"disk{number}"), "wb") as file:
                file.truncate(_SECTORS * load.SECTOR)
        self._guests = [self._make(number, load.Disk(_SECTORS)) for number in range(_GUESTS)]

    def _watch(self, seconds):
        """Lets the guests work."""
        deadline = time.monotonic() + seconds
        while (rest := deadline - time.monotonic()) > 0:
            for user in select.select([guest.user for guest in self._guests], [], [], rest)[0]:
                guest = next(guest for guest in self._guests if guest.user == user)
                if not guest.read() or guest.process.poll() is not None:
                    raise Left(f"a guest has died: {guest.screen[-500:].decode(errors='replace')}")

    def _check_shared(self, living):
        if os.path.exists(self._net) and (locked := locked_slots(self._net)) > living:
            raise Left(f"{locked} slots of the network are locked, by {living} launchers")
        if self._has_taps and len(interfaces()) > living:
            raise Left(f"{living} launchers have the taps {sorted(interfaces())}")

    def kill_one(self):
        """Kills a guest, and replaces it. Returns how many writes it has made."""
        self._watch(self._random.uniform(0, _LONGEST_LIFE))
        number = self._random.randrange(_GUESTS)
        guest = self._guests[number]
        first = guest.disk.next
        guest.end(signal.SIGKILL)
        guest.examine()
        self._check_shared(_GUESTS - 1)
        self._guests[number] = self._make(number, guest.disk)
        return guest.disk.next - first

    def finish(self):
        """Ends all guests in order. Nothing is left but their files."""
        for guest in self._guests:
            while load.last_acknowledged(guest.screen) is None:
                self._watch(0.05)
        for guest in self._guests:
            if guest.end(signal.SIGTERM) != -signal.SIGTERM:
                raise Left(f"status {guest.process.returncode} after SIGTERM: {guest.screen[-500:].decode(errors='replace')}")
            if not guest.is_restored():
                raise Left("the terminal is in another mode than before")
            guest.examine()
        self._check_shared(0)
        names = set(os.listdir(self._directory)) - {"net"} - {f"disk{number}" for number in range(_GUESTS)}
        if names:
            raise Left(f"files are left: {sorted(names)}")

    def abandon(self):
        """Kills what still runs."""
        for guest in self._guests:
            guest.process.kill()
            guest.process.wait()


def main(arguments):
    parser = argparse.ArgumentParser(prog="bazel run //tools/soak --", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, help="how long")
    parser.add_argument("--kills", type=int, help="how many launchers are killed (default: 200)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="of the random moments")
    parser.add_argument("--linux", help="a Linux kernel that writes to ext2, in place of our own guest (see linux.py)")
    parser.add_argument("--initrd", help="its initrd, which starts a shell on the console")
    parser.add_argument("--launcher", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--kernel", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    most = options.kills or (200 if options.minutes is None else float("inf"))
    if (options.linux is None) != (options.initrd is None):
        parser.error("--linux and --initrd belong together")
    has_taps = options.linux is None and enter_network_namespace()
    taps = "" if options.linux else "; with taps" if has_taps else "; no taps: this machine does not let an ordinary user make any"
    print(f"seed {options.seed}{taps}", flush=True)
    kills = writes = 0
    with tempfile.TemporaryDirectory(prefix="lguest-soak-") as directory:
        launcher = os.path.abspath(options.launcher)
        source = random.Random(options.seed)
        if options.linux is None:
            soak = Soak(launcher, os.path.abspath(options.kernel), directory, has_taps, source)
        else:
            users = os.environ.get("BUILD_WORKING_DIRECTORY", "")
            linux, initrd = (os.path.abspath(os.path.join(users, path)) for path in (options.linux, options.initrd))
            soak = LinuxSoak(launcher, linux, initrd, directory, source)
        try:
            while kills < most and time.monotonic() < end:
                writes += soak.kill_one()
                kills += 1
                if kills % 20 == 0:
                    print(f"{kills} kills, {writes} writes to disks", flush=True)
            soak.finish()
        finally:
            soak.abandon()
    print(f"{kills} kills, {writes} writes to disks: nothing is left behind")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Left as error:
        sys.exit(f"soak: {error}")
