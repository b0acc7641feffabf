"""Tests the launcher as a program: command line, console and exit status.

Most tests boot the demo kernel on the software CPU.
"""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

TIME_LIMIT = 120  # seconds; much more than any test takes
PR_CAPBSET_DROP = 24


def run(*args, stdin=b""):
    return subprocess.run([LAUNCHER, *args], input=stdin, capture_output=True, timeout=TIME_LIMIT, check=False)


def drop_capabilities():
    """Drops all capabilities from the bounding set, so that the next program has none."""
    libc = ctypes.CDLL(None)
    capability = 0
    while libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1


class GuestTest(unittest.TestCase):
    def boot(self, *args, kernel=None, stdin=b""):
        return run("--host=sim", "64", kernel or VMLINUX, *args, stdin=stdin)

    def assert_died(self, result, reason):
        self.assertEqual(result.returncode, 1, result)
        self.assertEqual(result.stderr.decode(), f"lguest: guest died: {reason}\n")

    def test_all_guest_tests_pass(self):
        result = self.boot("test=all", stdin=b"a line of input\r")
        lines = result.stdout.decode().splitlines()
        self.assertEqual([line for line in lines if line.startswith("FAIL")], [], result)
        self.assertGreater(sum(line.startswith("PASS") for line in lines), 20, result)
        self.assertIn("PASS console-in", lines)
        self.assertEqual(result.returncode, 0, result)
        self.assertEqual(result.stderr, b"")

    def test_bzimage_boots(self):
        result = self.boot("test=boot,page-tables", kernel=BZIMAGE)
        self.assertIn(b"PASS boot\r\nPASS page-tables\r\n", result.stdout, result)
        self.assertEqual(result.returncode, 0)

    def test_initrd_is_loaded(self):
        result = run("64", "--initrd=" + INITRD, VMLINUX, "test=initrd")
        self.assertIn(b"PASS initrd", result.stdout, result)
        self.assertEqual(result.returncode, 0)

    def test_disk_io_keeps_the_file_size(self):
        with tempfile.NamedTemporaryFile() as disk:
            disk.truncate(1 << 20)
            result = run("64", "--block=" + disk.name, VMLINUX, "test=disk")
            self.assertIn(b"PASS disk", result.stdout, result)
            self.assertEqual(result.returncode, 0)
            self.assertEqual(os.path.getsize(disk.name), 1 << 20)

    def test_closed_descriptor_is_not_reused_F1(self):
        for closed in (0, 1, 2):
            with self.subTest(closed=closed), tempfile.NamedTemporaryFile() as disk:
                disk.truncate(1 << 20)
                command = [LAUNCHER, "--host=sim", "--block=" + disk.name, "64", VMLINUX, "crash=x"]
                streams = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
                result = subprocess.run(
                    command, preexec_fn=lambda: os.close(closed), timeout=TIME_LIMIT, check=False, **streams)
                self.assertEqual(result.returncode, 1)
                with open(disk.name, "rb") as file:
                    self.assertEqual(file.read(), bytes(1 << 20))

    def test_read_only_disk_is_unchanged(self):
        with tempfile.NamedTemporaryFile() as disk:
            disk.truncate(1 << 20)
            result = run("64", f"--block={disk.name},readonly", VMLINUX, "test=disk")
            self.assertIn(b"FAIL disk", result.stdout, result)
            with open(disk.name, "rb") as file:
                self.assertEqual(file.read(), bytes(1 << 20))

    def test_unprivileged_user_needs_no_capability_B89(self):
        unprivileged = {"preexec_fn": drop_capabilities, "capture_output": True, "check": False}
        status = subprocess.run(["cat", "/proc/self/status"], **unprivileged).stdout
        self.assertIn(b"CapEff:\t0000000000000000\n", status)
        with tempfile.TemporaryDirectory() as directory:
            disk = os.path.join(directory, "disk")
            with open(disk, "wb") as file:
                file.truncate(1 << 20)
            result = subprocess.run(
                [LAUNCHER, f"--block={disk}", f"--sharenet={directory}/net", "64", VMLINUX, "test=disk"],
                stdin=subprocess.DEVNULL, timeout=TIME_LIMIT, **unprivileged)
        self.assertIn(b"PASS disk", result.stdout, result)
        self.assertEqual(result.returncode, 0)

    def test_two_guests_ping_each_other(self):
        with tempfile.TemporaryDirectory() as directory:
            network = "--sharenet=" + os.path.join(directory, "net")
            with subprocess.Popen(
                    [LAUNCHER, network, "64", VMLINUX, "test=net-answer", "ip=10.0.0.2"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as responder:
                self.assertTrue(responder.stdout.readline().startswith(b"lguest demo kernel"))
                result = run(network, "64", VMLINUX, "test=net", "ip=10.0.0.1", "gw=10.0.0.2")
                self.assertIn(b"PASS net", result.stdout, result)
                output, _ = responder.communicate(timeout=TIME_LIMIT)
                self.assertIn(b"PASS net-answer", output)
                self.assertEqual(responder.returncode, 0)

    def test_memory_sizes(self):
        for size in ("16", "512m", "1g"):
            result = run(size, VMLINUX, "test=boot,demand")
            self.assertIn(b"PASS boot\r\nPASS demand\r\n", result.stdout, result)
            self.assertEqual(result.returncode, 0)

    def test_crash_reason_is_reported(self):
        self.assert_died(self.boot("crash=out of luck"), "CRASH: out of luck")

    def test_crash_reason_is_escaped(self):
        result = self.boot("crash=\x1b[2Jgotcha")
        self.assertEqual(result.returncode, 1)
        self.assertNotIn(b"\x1b", result.stderr)
        self.assertIn(b"gotcha", result.stderr)

    def test_invalid_guest_action_ends_the_guest(self):
        for cause, reason in {
            "before-init": r"hypercall 0 before LGUEST_INIT",
            "init-twice": r"already have lguest_data",
            "hypercall": r"Bad hypercall 99",
            "ring": r"Bad hypercall 99",
            "stack-segment": r"bad stack segment 104",
            "stack-pages": r"bad stack pages 3",
            "stack-address": r"bad write address 0xffffe\w+ len 20",
            "wild-stack": r"bad write address 0xffffe\w+ len 12",
            "gate": r"bad IDT type 5",
            "gdt": r"too many gdt entries 33",
            "gdt-address": r"bad read address 0xfffff000 len 8",
            "tls-address": r"bad read address 0xfffff000 len 24",
            "crash-address": r"bad read address 0xfffff000 len 128",
            "directory": r"bad read address 0xfffff000 len 4096",
            "bind-key": r"bad dma key 0x2",
            "dma-key": r"bad sending DMA key",
            "dma-address": r"bad dma address 0xfffff000",
            "dma-section": r"bad dma section 0: address 0xfffff000 len 8192",
            "pte": r"bad page table entry",
            "pde": r"bad page directory entry",
            "wild-gdt": r"bad stack segment 105",
            "trap": r"unhandled trap 6 at 0xc01\w+ \(0x0\)",
            "page-fault": r"unhandled trap 14 at 0xc01\w+ \(0x1234\)",
            "privileged": r"unhandled trap 13 at 0xc01\w+ \(0x0\)",
            "ring0": r"unhandled trap 13 at 0xc01\w+ \(0x60\)",
            "host-area-jump": r"unhandled trap 14 at 0xffc00000 \(0xffc00000\)",
            "host-area-write": r"unhandled trap 14 at 0xc01\w+ \(0xffc00000\)",
            "fpu": r"unhandled trap 7 at 0xc01\w+ \(0x0\)",
            "single-step": r"unhandled trap 1 at 0xc01\w+ \(0x0\)",
        }.items():
            with self.subTest(cause):
                result = self.boot("die=" + cause)
                self.assertEqual(result.returncode, 1, result)
                self.assertRegex(result.stderr.decode(), f"^lguest: guest died: {reason}\n$")

    def test_abort_key_works_during_a_fault_storm(self):
        self.assertEqual(self.boot("die=storm", stdin=b"\x03\x03\x03").returncode, 2)

    def test_abort_key_ends_a_hanging_guest(self):
        self.assertEqual(self.boot("hang", stdin=b"\x03\x03\x03").returncode, 2)

    def test_shell_runs_commands(self):
        result = self.boot("demo", stdin=b"echo it works\rpoweroff\r")
        self.assertIn(b"\nit works\r\n", result.stdout, result)
        self.assertEqual(result.returncode, 0)

    def test_closed_output_is_not_fatal_B39_B46(self):
        reader, writer = os.pipe()
        os.close(reader)
        guest = subprocess.run(
            [LAUNCHER, "--host=sim", "64", VMLINUX, "crash=x"],
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=TIME_LIMIT,
            check=False,
        )
        os.close(writer)
        self.assertEqual(guest.returncode, 1, guest)
        self.assertEqual(guest.stderr.count(b"console output is lost"), 1, guest)
        self.assertIn(b"guest died: CRASH: x", guest.stderr)

    def test_stdout_is_only_the_console_B48(self):
        result = self.boot("-v", "crash=x")
        self.assertIn(b"host: software CPU", result.stderr)
        self.assertTrue(result.stdout.startswith(b"lguest demo kernel"), result)


class StatsTest(unittest.TestCase):
    def test_stats_are_printed_as_text(self):
        result = run("--stats", "64", VMLINUX, "test=boot")
        lines = result.stderr.decode().splitlines()
        self.assertEqual(result.returncode, 0, result)
        self.assertTrue(lines[0].startswith(f"lguest: ran: {VMLINUX} in 64 MB on "), lines)
        self.assertTrue(any(line.startswith("lguest: console: ") for line in lines), lines)

    def test_stats_file_is_json(self):
        with tempfile.TemporaryDirectory() as directory:
            disk = os.path.join(directory, "disk")
            with open(disk, "wb") as file:
                file.truncate(1 << 20)
            stats_file = os.path.join(directory, "stats")
            before = time.monotonic_ns()
            result = run("--stats=" + stats_file, "--block=" + disk, "64", VMLINUX, "test=disk")
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            with open(stats_file) as file:
                stats = json.load(file)
        self.assertEqual(stats["memory_bytes"], 64 << 20)
        self.assertGreater(stats["first_run_monotonic_ns"], before)
        self.assertEqual(stats["exits"]["died"], 1)
        disk, console = stats["devices"]
        self.assertEqual(stats["exits"]["dma"], disk["sent"] + console["sent"])
        self.assertEqual(console["sent_bytes"], len(result.stdout))
        self.assertGreater(disk["filled_bytes"], 0)
        self.assertGreater(stats["memory_beyond_guest_bytes"], 0)

    def test_unwritable_stats_file_is_status_66(self):
        result = run("--stats=/no/such/directory/stats", "64", VMLINUX)
        self.assertEqual(result.returncode, 66)
        self.assertEqual(result.stdout, b"")
        self.assertIn(b"--stats=/no/such/directory/stats: No such file", result.stderr)


class CommandLineTest(unittest.TestCase):
    def assert_refused(self, status, parts, *args):
        result = run(*args)
        self.assertEqual(result.returncode, status, result)
        message = result.stderr.decode()
        self.assertTrue(message.startswith("lguest: ") and message.count("\n") == 1, message)
        for part in parts:
            self.assertIn(part, message)
        self.assertEqual(result.stdout, b"")

    def test_help_and_version(self):
        self.assertEqual(run("--help").returncode, 0)
        self.assertIn(b"--initrd", run("--help").stdout)
        self.assertEqual(run("--version").stdout, b"lguest 1.0\n")

    def test_usage_error_is_status_64(self):
        self.assert_refused(64, ["memory size"])
        self.assert_refused(64, ["'64q'"], "64q", VMLINUX)
        self.assert_refused(64, ["--blok"], "--blok=x", "64", VMLINUX)

    def test_missing_kernel_or_initrd_is_status_66(self):
        self.assert_refused(66, ["/no/such/kernel"], "64", "/no/such/kernel")
        self.assert_refused(66, ["/no/such/initrd"], "64", "--initrd=/no/such/initrd", VMLINUX)
        self.assert_refused(66, ["directory"], "64", "/tmp")

    def test_missing_disk_is_status_66(self):
        self.assert_refused(66, ["--block=/no/such/disk"], "--block=/no/such/disk", "64", VMLINUX)
        self.assert_refused(66, ["--block=/tmp", "directory"], "--block=/tmp", "64", VMLINUX)

    def test_invalid_kernel_is_status_65(self):
        with tempfile.NamedTemporaryFile() as file:
            self.assert_refused(65, [file.name, "empty"], "64", file.name)
            file.write(b"x" * 51)
            file.flush()
            self.assert_refused(65, [file.name], "64", file.name)
        self.assert_refused(65, ["lguest_test.py"], "64", os.path.abspath(__file__))

    def test_64_bit_kernel_is_status_65(self):
        self.assert_refused(65, [LAUNCHER, "64"], "64", LAUNCHER)

    def test_kernel_larger_than_memory_is_status_65(self):
        self.assert_refused(65, [VMLINUX], "1", VMLINUX)

    def boot_relative_path(self, users_directory, launcher, current_directory):
        """Boots the kernel `kernel`, as a command that `bazel run` has started."""
        return subprocess.run(
            [launcher, "--host=sim", "64", "kernel", "crash=found"],
            cwd=current_directory, env=dict(os.environ, BUILD_WORKING_DIRECTORY=users_directory),
            stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT, check=False)

    def test_relative_path_in_runfiles_uses_the_users_directory_F3(self):
        with tempfile.TemporaryDirectory() as directory:
            launcher = os.path.join(directory, "lguest")
            shutil.copy(LAUNCHER, launcher)
            runfiles = launcher + ".runfiles/workspace"
            users = os.path.join(directory, "users")
            os.makedirs(runfiles)
            os.mkdir(users)
            os.symlink(os.path.abspath(VMLINUX), os.path.join(users, "kernel"))
            result = self.boot_relative_path(users, launcher, runfiles)
            self.assertEqual(result.stderr, b"lguest: guest died: CRASH: found\n")

    def test_relative_path_below_bazel_run_uses_the_current_directory_F3(self):
        with tempfile.TemporaryDirectory() as directory:
            os.symlink(os.path.abspath(VMLINUX), os.path.join(directory, "kernel"))
            result = self.boot_relative_path("/", os.path.abspath(LAUNCHER), directory)
            self.assertEqual(result.stderr, b"lguest: guest died: CRASH: found\n")

    def test_control_characters_of_the_command_line_are_escaped(self):
        self.assert_refused(66, ["no\\x1b[2Jkernel"], "64", "no\x1b[2Jkernel")
        self.assert_refused(64, ["--\\x1b[2J"], "--\x1b[2J", "64", VMLINUX)

    def test_stats_file_that_is_the_kernel_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            kernel = os.path.join(directory, "kernel")
            shutil.copy(VMLINUX, kernel)
            self.assert_refused(65, ["--stats=" + kernel], "--stats=" + kernel, "64", kernel)
            self.assertGreater(os.path.getsize(kernel), 0)


if __name__ == "__main__":
    LAUNCHER, VMLINUX, BZIMAGE, INITRD = sys.argv[1:5]
    del sys.argv[1:5]
    unittest.main()
