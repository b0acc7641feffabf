"""Tests what run.py prints and returns, how it fails, and that it leaves nothing behind."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import unittest

from tools.qemu import machine, run

TIME_LIMIT = 240  # seconds; much longer than a boot


class RunTest(unittest.TestCase):
    def setUp(self):
        with open(MACHINE, encoding="utf-8") as file:
            self.description = json.load(file)

    def command(self, *command):
        """Returns the command that runs `command` in the machine."""
        with tempfile.NamedTemporaryFile("w", delete=False, suffix=".json") as file:
            json.dump(self.description, file)
        self.addCleanup(os.unlink, file.name)
        return [sys.executable, run.__file__, f"--limit={TIME_LIMIT}", file.name, *command]

    def run_machine(self, *command, stdin=b""):
        environment = dict(os.environ, PYTHONPATH=os.getcwd())
        return subprocess.run(self.command(*command), input=stdin, capture_output=True, env=environment, check=False)

    def assert_fails(self, pattern, limit=None):
        """Checks that run.py fails before the machine has run a program, with a message of one line."""
        with tempfile.TemporaryFile() as output:
            with self.assertRaisesRegex((machine.MachineError, OSError), pattern) as raised:
                run.run(self.description, output, limit)
        self.assertNotIn("\n", str(raised.exception))

    def test_disks_modules_files_and_exit_status(self):
        self.description["disks"] = ["64M", "1G"]
        with tempfile.NamedTemporaryFile() as odd:
            odd.write(b"odd\n" * 4097 + b"!")
            odd.flush()
            self.description["files"] = {**self.description["files"], "/data/odd": odd.name}
            result = self.run_machine(
                "/bin/sh", "-c",
                "id -u; pwd; cat /sys/block/vda/size /sys/block/vdb/size; wc -c < /data/odd; tail -c 5 /data/odd; exit 7",
            )  # fmt: skip
        lines = result.stdout.decode().splitlines()
        self.assertEqual(lines[-7:], ["0", "/runfiles/lguest", "131072", "2097152", "16389", "odd", "!"], result)
        self.assertEqual((result.returncode, result.stderr), (7, b""))

    def test_terminal_and_null_modem(self):
        self.description["tty"] = True
        self.description["null_modem"] = True
        # The script opens both ends before it sends, because a line discards input that arrives before it is opened.
        script = b"exec 3<> /dev/ttyS3 4<> /dev/ttyS2; stty raw -echo <&3; stty raw -echo <&4\n"
        script += b"echo hi >&4; head -c 3 <&3; tty; kill -9 $$\n"
        result = self.run_machine("/bin/sh", stdin=script)
        self.assertIn(b"\nhi\r\n/dev/ttyS0\r\n", result.stdout)
        self.assertEqual((result.returncode, result.stderr), (128 + signal.SIGKILL, b""))

    def test_missing_pass_line(self):
        self.description["passes"] = ["one", "two"]
        result = self.run_machine("/bin/echo", "PASS one")
        self.assertEqual(result.returncode, run.MACHINE_FAILED)
        self.assertEqual(result.stderr.decode(), f"{self.description['name']}: the program did not report PASS two\n")

    def test_missing_program(self):
        result = self.run_machine("/bin/nonesuch")
        self.assertEqual(result.returncode, run.MACHINE_FAILED)
        self.assertIn(b"running /bin/nonesuch: No such file or directory\n", result.stderr)

    def test_timeout(self):
        self.assert_fails("^timed out: the kernel has not started init$", limit=0.1)

    def test_file_that_is_not_a_kernel(self):
        self.description["kernel"] = self.description["busybox"]
        self.assert_fails("^QEMU ended before the program: the kernel has not started init; QEMU's last message: .*kernel")

    def test_missing_kernel(self):
        self.description["kernel"] = "/no/such/kernel"
        self.assert_fails("^QEMU ended before the program: .*/no/such/kernel")

    def test_kernel_without_init(self):
        self.description["kernel_args"] = ["rdinit=/no/such/program", "root=/dev/none"]
        self.assert_fails("^QEMU ended before the program: the kernel has not started init; QEMU's last message: no message$")

    def test_damaged_library_of_qemu(self):
        with tempfile.TemporaryDirectory() as directory:
            for folder in ("lib", "usr/bin"):
                os.makedirs(os.path.join(directory, os.path.dirname(folder)), exist_ok=True)
                os.symlink(os.path.abspath(os.path.join(self.description["qemu"], folder)), os.path.join(directory, folder))
            # run.py searches this directory before the machine's own libraries.
            libraries = os.path.join(directory, "usr/lib/x86_64-linux-gnu")
            os.makedirs(libraries)
            with open(os.path.join(libraries, "libpixman-1.so.0"), "wb"):
                self.description["qemu"] = directory
            self.assert_fails(r"^QEMU ended before the program: .* error while loading shared libraries: \S*/libpixman-1.so.0: file too short$")

    def test_qemu_is_missing(self):
        self.description["qemu"] = "/no/such/place"
        self.assert_fails("No such file or directory: '/no/such/place/lib/")

    def test_missing_module(self):
        self.description["modules"] = ["virtio_blk", "nonesuch"]
        self.assert_fails("^no module nonesuch in ")

    def test_bad_disk_size(self):
        for size in ("", "64", "M", "0M", "64m", "-1M"):
            self.description["disks"] = [size]
            self.assert_fails(f"^the size of a disk .* not '{size}'$")

    def test_kill_leaves_nothing_behind(self):
        before = set(os.listdir(tempfile.gettempdir()))
        command = self.command("/bin/sh", "-c", "echo up; cat")
        environment = dict(os.environ, PYTHONPATH=os.getcwd())
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment) as runner:
            while b"up" not in runner.stdout.readline():
                self.assertIsNone(runner.poll())
            with open(f"/proc/{runner.pid}/task/{runner.pid}/children", encoding="utf-8") as file:
                (qemu,) = file.read().split()
            watch = os.pidfd_open(int(qemu))
            self.addCleanup(os.close, watch)
            runner.kill()
        self.assertEqual(select.select([watch], [], [], TIME_LIMIT)[0], [watch], "QEMU still runs")
        left = [name for name in set(os.listdir(tempfile.gettempdir())) - before if re.search("qemu|initramfs|disk", name)]
        self.assertEqual(left, [])


if __name__ == "__main__":
    MACHINE = sys.argv.pop(1)
    unittest.main()
