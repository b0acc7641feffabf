"""Tests the launcher as a program: command line, console and exit status.

Most tests boot the demo kernel on the software CPU.
"""

import ctypes
import fcntl
import json
import os
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

TIME_LIMIT = 60  # seconds; much more than any test takes
PR_CAPBSET_DROP = 24


def run(*args, stdin=b""):
    return subprocess.run([LAUNCHER, *args], input=stdin, capture_output=True, timeout=TIME_LIMIT, check=False)


class OnTerminal:
    """A launcher whose standard descriptors are a terminal. Usage: with OnTerminal("64", KERNEL) as terminal: ..."""

    def __init__(self, *args, prefix=(), stdout=None, controlling=True):
        self.user, terminal = pty.openpty()
        self.before = termios.tcgetattr(terminal)

        def prepare():
            os.setsid()
            if controlling:
                fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [*prefix, LAUNCHER, "--host=sim", *args],
            stdin=terminal, stdout=terminal if stdout is None else stdout, stderr=terminal, preexec_fn=prepare)
        self.terminal = terminal
        self.screen = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.user)
        os.close(self.terminal)

    def type(self, keys):
        os.write(self.user, keys)

    def wait_for(self, text):
        deadline = time.monotonic() + TIME_LIMIT
        while text not in self.screen:
            if not select.select([self.user], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} did not appear: {self.screen!r}")
            self.screen += os.read(self.user, 4096)

    def wait(self):
        """Waits for the end of the launcher and returns its exit status."""
        return self.process.wait(TIME_LIMIT)

    def is_restored(self):
        return termios.tcgetattr(self.terminal) == self.before

    def is_raw(self):
        return termios.tcgetattr(self.terminal)[3] & (termios.ICANON | termios.ECHO | termios.ISIG) == 0


def drop_capabilities():
    """Drops all capabilities from the bounding set, so that the next program has none."""
    libc = ctypes.CDLL(None)
    capability = 0
    while libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1


class GuestTest(unittest.TestCase):
    def boot(self, *args, kernel=None, stdin=b"", mode="--deterministic"):
        """Tests of real time need another mode."""
        return run(mode, "64", kernel or VMLINUX, *args, stdin=stdin)

    def assert_died(self, result, reason):
        self.assertEqual(result.returncode, 1, result)
        self.assertEqual(result.stderr.decode(), f"lguest: guest died: {reason}\n")

    def test_all_guest_tests_pass(self):
        result = self.boot("test=all", stdin=b"a line of input\r", mode="--host=sim")
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

    def test_signal_ends_the_launcher_in_order_F5(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(number=number), tempfile.TemporaryDirectory() as directory:
                net = os.path.join(directory, "net")
                stats = os.path.join(directory, "stats")
                launcher = subprocess.Popen(
                    [LAUNCHER, "--host=sim", "--sharenet=" + net, "--stats=" + stats, "64", VMLINUX, "hang"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
                self.assertIn(b"lguest demo kernel", launcher.stdout.readline())
                launcher.send_signal(number)
                self.assertEqual(launcher.wait(TIME_LIMIT), -number)
                launcher.stdout.close()
                self.assertEqual(sorted(os.listdir(directory)), ["net", "stats"])
                with open(net, "rb") as file:
                    self.assertEqual(file.read(), bytes(4096))
                with open(stats) as file:
                    self.assertEqual(json.load(file)["exits"]["died"], 0)

    def test_deadly_signal_leaves_no_socket_F13(self):
        with tempfile.TemporaryDirectory() as directory:
            net = os.path.join(directory, "net")
            launcher = subprocess.Popen(
                [LAUNCHER, "--host=sim", "--sharenet=" + net, "64", VMLINUX, "hang"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            self.assertIn(b"lguest demo kernel", launcher.stdout.readline())
            self.assertEqual(len(os.listdir(directory)), 2)
            launcher.send_signal(signal.SIGUSR1)
            self.assertEqual(launcher.wait(TIME_LIMIT), -signal.SIGUSR1)
            launcher.stdout.close()
            self.assertEqual(os.listdir(directory), ["net"])

    def test_signals_restore_the_terminal_F13(self):
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU):
            with self.subTest(number=number), OnTerminal("64", VMLINUX, "hang") as terminal:
                terminal.wait_for(b"lguest demo kernel")
                self.assertTrue(terminal.is_raw())
                terminal.process.send_signal(number)
                self.assertEqual(terminal.wait(), -number)
                self.assertTrue(terminal.is_restored())

    def test_file_size_limit_is_an_error_of_the_disk_F13(self):
        with tempfile.TemporaryDirectory() as directory:
            disk = os.path.join(directory, "disk")
            with open(disk, "wb") as file:
                file.truncate(1 << 20)
            result = subprocess.run(
                [LAUNCHER, "--host=sim", "--block=" + disk, "64", VMLINUX, "test=disk"], stdin=subprocess.DEVNULL,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
                capture_output=True, timeout=TIME_LIMIT, check=False)
            self.assertIn(b"FAIL disk", result.stdout, result)
            self.assertIn(b"File too large", result.stderr)
            self.assertEqual(result.returncode, 1)

    def test_terminal_that_is_not_the_controlling_one_is_raw_F9(self):
        with OnTerminal("64", VMLINUX, "demo", controlling=False) as terminal:
            terminal.wait_for(b"Type help for what it can do.")
            self.assertTrue(terminal.is_raw())
            terminal.type(b"echo once\r")
            terminal.wait_for(b"echo once\r\r\nonce\r\r\n")
            terminal.type(b"\3\3\3")
            self.assertEqual(terminal.wait(), 2)
            self.assertTrue(terminal.is_restored())

    def test_terminal_is_not_read_from_the_background_F10(self):
        # bash -m gives each job a process group of its own.
        script = '"$@" & read line; echo "shell: $line"; fg >/dev/null'
        with OnTerminal("64", VMLINUX, "demo", prefix=("bash", "-mc", script, "bash")) as terminal:
            terminal.wait_for(b"Type help for what it can do.")
            self.assertFalse(terminal.is_raw())
            terminal.type(b"for the shell\n")
            terminal.wait_for(b"shell: for the shell")
            deadline = time.monotonic() + TIME_LIMIT
            while not terminal.is_raw():
                self.assertLess(time.monotonic(), deadline, terminal.screen)
            terminal.type(b"echo for the guest\r")
            terminal.wait_for(b"echo for the guest\r\r\nfor the guest\r\r\n")
            terminal.type(b"poweroff\r")
            self.assertEqual(terminal.wait(), 0)

    def test_three_interrupts_work_while_output_is_blocked_F14(self):
        reader, writer = os.pipe()
        with OnTerminal("64", VMLINUX, "flood", stdout=writer) as terminal:
            deadline = time.monotonic() + TIME_LIMIT
            while select.select([], [writer], [], 0)[1]:  # the pipe has room
                self.assertLess(time.monotonic(), deadline)
            terminal.type(b"\3\3\3")
            self.assertEqual(terminal.wait(), 2)
        os.close(reader)
        os.close(writer)

    def test_missing_thread_is_status_69_F11(self):
        # The stack of a thread is as large as this limit, which is more than the address space.
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        result = subprocess.run(
            [LAUNCHER, "--host=sim", "64", VMLINUX, "test=boot"],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (1 << 50, hard)),
            stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT, check=False)
        self.assertEqual(result.returncode, 69, result)
        self.assertRegex(result.stderr.decode(), "^lguest: starting a thread: Resource temporarily unavailable .*\\n$")

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


def has_sandbox():
    """False if sanitizers or the measurement of coverage make system calls of their own in the launcher."""
    with open(LAUNCHER, "rb") as file:
        program = file.read()
    return not any(symbol in program for symbol in (b"__asan_init", b"__tsan_init", b"__gcov_init"))


class SandboxTest(unittest.TestCase):
    def setUp(self):
        if not has_sandbox():
            self.skipTest("a build without a sandbox")

    def test_no_call_of_a_guest_with_disk_and_network_is_forbidden(self):
        with tempfile.TemporaryDirectory() as directory:
            network = "--sharenet=" + os.path.join(directory, "net")
            disk = os.path.join(directory, "disk")
            with open(disk, "wb") as file:
                file.truncate(1 << 20)
            with subprocess.Popen(
                    [LAUNCHER, "--sandbox=log", network, "64", VMLINUX, "test=net-answer", "ip=10.0.0.2"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as responder:
                self.assertTrue(responder.stdout.readline().startswith(b"lguest demo kernel"))
                result = run("--sandbox=log", "--stats=" + os.path.join(directory, "stats"), "--block=" + disk,
                             network, "64", VMLINUX, "test=disk,net", "ip=10.0.0.1", "gw=10.0.0.2")
                _, errors = responder.communicate(timeout=TIME_LIMIT)
                self.assertEqual(errors, b"")
            self.assertIn(b"PASS net", result.stdout, result)
            self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_every_thread_has_a_filter_and_the_guests_has_two(self):
        launcher = subprocess.Popen(
            [LAUNCHER, "--host=sim", "64", VMLINUX, "hang"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            self.assertIn(b"lguest demo kernel", launcher.stdout.readline())
            filters = []
            for thread in os.listdir(f"/proc/{launcher.pid}/task"):
                with open(f"/proc/{launcher.pid}/task/{thread}/status") as file:
                    status = dict(line.split(":", 1) for line in file)
                self.assertEqual(status["NoNewPrivs"].strip(), "1")
                self.assertEqual(status["Seccomp"].strip(), "2")
                filters.append(int(status["Seccomp_filters"]))
            least = min(filters)  # more than 1 below another sandbox
            self.assertEqual(sorted(filters), [least] * (len(filters) - 1) + [least + 1])
        finally:
            launcher.kill()
            launcher.communicate()

    def test_truncated_network_file_is_replaced_within_the_sandbox(self):
        with tempfile.TemporaryDirectory() as directory:
            network = os.path.join(directory, "net")
            with subprocess.Popen(
                    [LAUNCHER, "--host=sim", "--sharenet=" + network, "64", VMLINUX, "test=net", "ip=10.0.0.1",
                     "gw=10.0.0.2"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as launcher:
                self.assertTrue(launcher.stdout.readline().startswith(b"lguest demo kernel"))
                os.truncate(network, 0)
                _, errors = launcher.communicate(timeout=TIME_LIMIT)
                self.assertIn(b"this network has ended", errors)
                self.assertNotIn(b"sandbox", errors)
                self.assertEqual(launcher.returncode, 1)

    def test_inherited_descriptor_is_closed_after_it_was_read(self):
        with open(VMLINUX, "rb") as kernel:
            launcher = subprocess.Popen(
                [LAUNCHER, "--host=sim", "64", f"/dev/fd/{kernel.fileno()}", "hang"], pass_fds=[kernel.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            try:
                self.assertIn(b"lguest demo kernel", launcher.stdout.readline())
                files = [os.readlink(f"/proc/{launcher.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{launcher.pid}/fd")]
                self.assertNotIn(os.path.realpath(VMLINUX), files)
            finally:
                launcher.kill()
                launcher.communicate()


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
        self.assert_refused(64, ["--sandbox=maybe", "log"], "--sandbox=maybe", "64", VMLINUX)

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
            runfiles = launcher + ".runfiles/lguest"
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
