"""Tests --deterministic, --record and --replay with our own guest."""

import json
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
import unittest

TIME_LIMIT = 60  # seconds; much more than any test takes


def run(*args, stdin=b""):
    return subprocess.run([LAUNCHER, *args], input=stdin, capture_output=True, timeout=TIME_LIMIT, check=False)


def make_disk(path):
    with open(path, "wb") as disk:
        disk.write(bytes(range(256)) * 4096)


class DeterministicTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.log = self.path("log")

    def path(self, name):
        return os.path.join(self.folder, name)

    def fingerprint(self, *args, stdin=b""):
        """Runs the launcher to power-off and returns the fingerprint and the console output."""
        stats = self.path("stats")
        result = run("--stats=" + stats, *args, stdin=stdin)
        self.assertEqual((result.returncode, result.stderr), (0, b""), result)
        with open(stats, encoding="utf-8") as file:
            return json.load(file)["fingerprint"], result.stdout

    def assert_refused(self, result, status, *texts):
        self.assertEqual(result.returncode, status, result)
        self.assertEqual(result.stderr.count(b"\n"), 1, result)
        for text in texts:
            self.assertIn(text, result.stderr.decode())


class RunTest(DeterministicTest):
    def test_all_guest_tests_have_the_same_fingerprint_each_time(self):
        args = ("--deterministic", "64", VMLINUX, "test=all")
        first, output = self.fingerprint(*args, stdin=b"a line of input\r")
        self.assertNotIn(b"FAIL", output)
        self.assertGreater(output.count(b"PASS"), 20)
        for _ in range(2):
            self.assertEqual(self.fingerprint(*args, stdin=b"a line of input\r"), (first, output))

    def test_fingerprint_does_not_depend_on_the_directory_or_the_options_of_the_launcher(self):
        args = ("--deterministic", "64", VMLINUX, "test=boot")
        expected = self.fingerprint(*args)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.assertEqual(self.fingerprint("--host=sim", "--sandbox=off", *args), expected)

    def test_rate_and_start_are_seen_by_the_guest(self):
        prints = [self.fingerprint(option, "64", VMLINUX, "test=boot")[0]
                  for option in ("--deterministic", "--deterministic=2,start=1191888000", "--deterministic=3",
                                 "--deterministic=start=5")]
        self.assertEqual(prints[0], prints[1])
        self.assertNotEqual(prints[0]["memory"], prints[2]["memory"])
        self.assertNotEqual(prints[0]["memory"], prints[3]["memory"])

    def test_disk_writes_count(self):
        disk = self.path("disk")
        prints = []
        for _ in range(2):
            make_disk(disk)
            prints.append(self.fingerprint("--deterministic", "--block=" + disk, "64", VMLINUX, "test=disk")[0])
        self.assertEqual(prints[0], prints[1])
        self.assertNotEqual(prints[0]["disks"],
                            self.fingerprint("--deterministic", "64", VMLINUX, "test=boot")[0]["disks"])

    def test_halted_guest_does_not_wait(self):
        """The guest sleeps for hours of its time."""
        start = time.monotonic()
        found, _ = self.fingerprint("--deterministic=1000", "64", VMLINUX, "test=timer", "repeat=100")
        self.assertGreater(float(found["time"]), 0)
        self.assertLess(time.monotonic() - start, TIME_LIMIT)

    def test_signal_ends_the_run(self):
        process = subprocess.Popen([LAUNCHER, "--deterministic", "64", VMLINUX, "flood"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.read(1)
        process.terminate()
        process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, -15)


class ReplayTest(DeterministicTest):
    def record(self, *args, stdin=b""):
        return self.fingerprint("--record=" + self.log, *args, stdin=stdin)

    def test_replay_needs_no_disk_and_no_input(self):
        disk = self.path("disk")
        make_disk(disk)
        recorded = self.record("--block=" + disk, "64", VMLINUX, "test=disk,console-in", stdin=b"a line of input\r")
        os.remove(disk)
        self.assertIn(b"PASS disk", recorded[1])
        self.assertIn(b"PASS console-in", recorded[1])
        self.assertEqual(self.fingerprint("--replay=" + self.log), recorded)
        self.assertEqual(self.fingerprint("--replay=" + self.log, "64", VMLINUX, "test=disk,console-in"), recorded)

    def test_recorded_run_is_the_deterministic_run(self):
        args = ("64", VMLINUX, "test=all")
        self.assertEqual(self.record(*args), self.fingerprint("--deterministic", *args))

    def test_run_without_input_takes_a_few_bytes(self):
        self.record("64", VMLINUX, "test=boot")
        self.assertLess(os.path.getsize(self.log), 1000)

    def test_session_on_a_terminal_is_replayed(self):
        user, terminal = pty.openpty()
        self.addCleanup(os.close, user)
        stats = self.path("stats")
        process = subprocess.Popen([LAUNCHER, "--record=" + self.log, "--stats=" + stats, "64", VMLINUX],
                                   stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
        os.close(terminal)
        screen = b""
        for keys, answer in ((b"echo hello\r", b"\nhello\r"), (b"poweroff\r", b"Good-bye.\r\r\n")):
            os.write(user, keys)
            while answer not in screen:
                self.assertTrue(select.select([user], [], [], TIME_LIMIT)[0])
                screen += os.read(user, 4096)
        self.assertEqual(process.wait(TIME_LIMIT), 0)
        with open(stats, encoding="utf-8") as file:
            recorded = json.load(file)["fingerprint"]
        replayed, output = self.fingerprint("--replay=" + self.log)
        self.assertEqual(replayed, recorded)
        self.assertIn(output.replace(b"\n", b"\r\n"), screen)  # as the terminal shows it

    def test_recording_of_a_killed_launcher_is_replayed_as_far_as_it_goes(self):
        process = subprocess.Popen([LAUNCHER, "--record=" + self.log, "64", VMLINUX, "flood"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        process.stdout.read(4 << 20)
        process.kill()
        process.communicate()
        result = run("--replay=" + self.log)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(b"the recording ends here, at instruction", result.stderr)
        self.assertGreater(len(result.stdout), 1 << 20)

    def test_death_is_replayed(self):
        self.assertEqual(run("--record=" + self.log, "64", VMLINUX, "crash=why").returncode, 1)
        result = run("--replay=" + self.log)
        self.assertEqual((result.returncode, result.stderr), (1, b"lguest: guest died: CRASH: why\n"))


    def test_packed_kernel_is_the_same_kernel(self):
        recorded = self.record("64", VMLINUX, "test=boot")
        self.assertEqual(self.fingerprint("--replay=" + self.log, "64", BZIMAGE, "test=boot"), recorded)


class BadRecordingTest(DeterministicTest):
    def setUp(self):
        super().setUp()
        self.assertEqual(run("--record=" + self.log, "64", VMLINUX, "test=boot").returncode, 0)

    def replay(self, *args):
        return run("--replay=" + self.log, *args)

    def test_another_guest_is_refused(self):
        name = "--replay=" + self.log
        self.assert_refused(self.replay("65", VMLINUX, "test=boot"), 65, name,
                            "the memory is 65 MB, and 64 MB in the recording")
        self.assert_refused(self.replay("64", VMLINUX, "test=all"), 65, name,
                            "the kernel command line is 'test=all', and 'test=boot' in the recording")
        other = self.path("other")
        with open(VMLINUX, "rb") as file, open(other, "wb") as changed:
            changed.write(file.read().replace(b"lguest demo kernel", b"lguest test kernel"))
        self.assert_refused(self.replay("64", other, "test=boot"), 65, name, "the kernel " + other)
        self.assert_refused(self.replay("--initrd=" + INITRD, "64", VMLINUX, "test=boot"), 65, name,
                            "the initrd is one with hash", "and none in the recording")

    def test_damaged_file_is_refused(self):
        with open(self.log, "rb") as file:
            whole = file.read()
        for damaged in (b"", b"x", whole[:30], b"X" + whole[1:], whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]):
            with open(self.log, "wb") as file:
                file.write(damaged)
            self.assert_refused(self.replay(), 65, self.log, "offset ")

    def test_damage_behind_the_header_is_found(self):
        with open(self.log, "rb+") as file:
            file.seek(-3, os.SEEK_END)
            file.write(b"\xff")
        self.assert_refused(self.replay(), 65, self.log, "the checksum of a piece is")

    def test_missing_file_is_named(self):
        self.assert_refused(run("--replay=/missing/log"), 66, "--replay=/missing/log: No such file")
        self.assert_refused(run("--record=/missing/log", "64", VMLINUX), 66, "/missing/log: No such file")

    def test_recording_is_not_emptied_if_the_kernel_is_missing(self):
        size = os.path.getsize(self.log)
        self.assertEqual(run("--record=" + self.log, "64", "/missing/kernel").returncode, 66)
        self.assertEqual(os.path.getsize(self.log), size)

    def test_recording_over_the_kernel_is_refused(self):
        self.assert_refused(run("--record=" + self.log, "64", self.log), 65, "are the same file")

    def test_full_disk_is_reported_and_the_guest_runs_on(self):
        result = run("--record=/dev/full", "64", VMLINUX, "test=boot")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"PASS boot", result.stdout)
        self.assertEqual(result.stderr.decode(),
                         "lguest: the recording is not complete: writing the recording: No space left on device\n")


if __name__ == "__main__":
    LAUNCHER, VMLINUX, BZIMAGE, INITRD = (os.path.realpath(path) for path in sys.argv[1:5])
    unittest.main(argv=sys.argv[:1] + sys.argv[5:])
