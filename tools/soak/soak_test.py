"""Tests that the soak finds what is left behind, and that the launcher leaves nothing."""

import contextlib
import io
import os
import signal
import struct
import sys
import tempfile
import unittest
from unittest import mock

from tools.soak import launcher, linux, load, run

SECTORS = 64


def filled(*writes, sectors=SECTORS):
    """Returns the contents of a disk after these writes: (number, first sector, sectors)."""
    contents = bytearray(sectors * load.SECTOR)
    for number, start, count in writes:
        contents[start * load.SECTOR : (start + count) * load.SECTOR] = struct.pack("<I", number) * (count * load.SECTOR // 4)
    return bytes(contents)


def first_writes(last):
    return [(n, n * 7919 % (SECTORS - 8), 1 + n % 8) for n in range(1, last + 1)]


class DiskTest(unittest.TestCase):
    def test_acknowledged_writes_are_there(self):
        disk = load.Disk(SECTORS)
        disk.check(filled(*first_writes(3)), 3)
        self.assertEqual(disk.next, 4)
        disk.check(filled(*first_writes(5)), 5)
        self.assertEqual(disk.next, 6)

    def test_an_acknowledgement_may_be_lost_with_the_launcher(self):
        for acknowledged in (None, 1, 2):
            disk = load.Disk(SECTORS)
            disk.check(filled(*first_writes(3)), acknowledged)
            self.assertEqual(disk.next, 4)

    def test_the_last_write_may_be_there_in_part(self):
        number, start, count = first_writes(3)[-1]
        disk = load.Disk(SECTORS)
        disk.check(filled(*first_writes(2), (number, start, count - 1)), 2)
        self.assertEqual(disk.next, 4)

    def test_nothing_written(self):
        disk = load.Disk(SECTORS)
        disk.check(filled(), None)
        self.assertEqual(disk.next, 1)

    def test_damage_is_found(self):
        number, start, count = first_writes(3)[-1]
        for contents, acknowledged, why in (
            (filled(*first_writes(2)), 3, "must show 3"),
            (filled(*first_writes(2), (number, start, count - 1)), 3, "must show 3"),
            (filled(*first_writes(3), (3, start + count, 1)), 3, "shows write 3"),
            (filled(*first_writes(1), first_writes(3)[-1]), 1, "must show 2"),
            (filled(*first_writes(3))[:-1], 3, "bytes"),
            (filled(*first_writes(3), (3, start, count)).replace(struct.pack("<I", 3), struct.pack("<I", 4), 1), 3, "several"),
        ):
            with self.subTest(why), self.assertRaisesRegex(load.Damage, why):
                load.Disk(SECTORS).check(contents, acknowledged)

    def test_the_last_line_counts(self):
        self.assertEqual(load.last_acknowledged(b"boot\r\nwrote 1\r\nwrote 12\r\r\nwrote 13"), 12)
        self.assertIsNone(load.last_acknowledged(b"wrote 1"))


class FilesTest(unittest.TestCase):
    def test_synced_files_are_there(self):
        files = linux.Files()
        files.check({0: 0, 1: 1}, 1)
        self.assertEqual(files.next, 2)
        files.check({0: 0, 1: 1, 2: 2}, 2)
        files.check({0: 0, 1: 1, 2: 2}, None)

    def test_writes_after_the_last_line_may_be_there(self):
        for found in ({0: 0, 1: 1, 2: 2}, {0: 0, 1: 1, 2: None}, {0: 0, 1: 1, 2: 2, 3: 3, 4: None}):
            linux.Files().check(found, 1)

    def test_a_truncated_file_may_stay_empty(self):
        files = linux.Files()
        files.check({**{n: n for n in range(20)}, 0: None}, 19)
        self.assertEqual(files.next, 20)
        files.check({**{n: n for n in range(20)}, 0: 20, 1: None}, 20)

    def test_a_synced_write_that_is_lost_is_found(self):
        for found in ({0: 0}, {0: 0, 1: None}, {0: 0, 1: 7}, {0: 0, 1: 1, 12: 3}, {0: 0, 1: 1, 3: 3}, {0: 0, 1: 1, 3: None, 4: 4}):
            with self.subTest(found), self.assertRaisesRegex(launcher.Left, "must have"):
                linux.Files().check(found, 1)


# Programs in place of the launcher: they print an acknowledgement, and then do something wrong.
HEAD = """\
#!/bin/sh
for word; do case $word in --block=*) disk=${word#*=} ;; --sharenet=*) net=${word#*=} ;; esac; done
: >>"$net"
"""


class SoakTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = holder.name

    def guest(self, script):
        path = os.path.join(self.directory, "launcher")
        with open(path, "w", encoding="utf-8") as file:
            file.write(HEAD + script)
        os.chmod(path, 0o700)
        with open(os.path.join(self.directory, "disk0"), "wb") as file:
            file.write(filled())
        guest = run.Guest(path, "vmlinux", self.directory, 0, load.Disk(SECTORS), False)
        while b"ready" not in guest.screen:
            guest.read()
        return guest

    def assert_left(self, script, why, patience=60):
        guest = self.guest(script)
        self.addCleanup(lambda: [os.kill(process, signal.SIGKILL) for process in launcher.processes_of(guest.process.pid)])
        guest.end(signal.SIGKILL)
        with mock.patch.object(launcher, "PATIENCE", patience), self.assertRaisesRegex(launcher.Left, why):
            guest.examine()

    def test_a_launcher_that_leaves_nothing_is_good(self):
        guest = self.guest("echo ready\nread line\n")
        guest.end(signal.SIGKILL)
        guest.examine()

    def test_a_process_with_the_terminal_is_found(self):
        self.assert_left("trap '' HUP\nsleep 1000 & echo ready\nread line\n", "a process still has the terminal", patience=0.1)

    def test_another_process_is_found(self):
        self.assert_left("trap '' HUP\nsleep 1000 <&- >&- 2>&- & echo ready\nread line\n", "processes .* are left")

    def test_a_disk_that_changed_is_found(self):
        self.assert_left('printf x >>"$disk"; echo ready\nread line\n', "the disk has")

    def test_slots_that_are_locked_are_counted(self):
        path = os.path.join(self.directory, "net")
        with open(path, "w+b") as file:
            self.assertEqual(run.locked_slots(path), 0)
            child = os.fork()
            if child == 0:
                run.fcntl.lockf(file, run.fcntl.LOCK_EX, 1, 5)
                os.kill(os.getpid(), signal.SIGSTOP)
                os._exit(0)
            os.waitpid(child, os.WUNTRACED)
            self.assertEqual(run.locked_slots(path), 1)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            self.assertEqual(run.locked_slots(path), 0)

    def test_the_launcher_leaves_nothing(self):
        output = io.StringIO()
        with contextlib.redirect_stdout(output), mock.patch.object(run, "enter_network_namespace", return_value=False):
            run.main(["--launcher=" + LAUNCHER, "--kernel=" + KERNEL, "--kills=4", "--seed=1"])
        self.assertRegex(output.getvalue(), r"4 kills, \d+ writes to disks: nothing is left behind")


if __name__ == "__main__":
    LAUNCHER, KERNEL = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
