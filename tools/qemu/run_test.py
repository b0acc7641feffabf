"""What a machine's run shows and returns, how it fails, and that it leaves nothing behind."""

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

TIME_LIMIT = 240  # seconds; far more than a boot takes


class RunTest(unittest.TestCase):
    def setUp(self):
        with open(MACHINE, encoding="utf-8") as file:
            self.description = json.load(file)

    def command(self, *command):
        """Returns what runs `command` in the machine."""
        with tempfile.NamedTemporaryFile("w", delete=False, suffix=".json") as file:
            json.dump(self.description, file)
        self.addCleanup(os.unlink, file.name)
        return [sys.executable, run.__file__, f"--limit={TIME_LIMIT}", file.name, *command]

    def run_machine(self, *command, stdin=b""):
        environment = dict(os.environ, PYTHONPATH=os.getcwd())
        return subprocess.run(self.command(*command), input=stdin, capture_output=True, env=environment, check=False)

    def assert_fails(self, pattern, limit=None):
        """Fails before the machine has run anything, with a sentence of one line."""
        with tempfile.TemporaryFile() as output:
            with self.assertRaisesRegex((machine.MachineError, OSError), pattern) as raised:
                run.run(self.description, output, limit)
        self.assertNotIn("\n", str(raised.exception))

    def test_a_program_of_the_machine_sees_its_disks_modules_and_files_and_its_status_is_ours(self):
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

    def test_a_terminal_takes_input_and_a_null_modem_joins_two_lines(self):
        self.description["tty"] = True
        self.description["null_modem"] = True
        # Both ends are open before anything is sent: a line that is being opened forgets what it has received.
        script = b"exec 3<> /dev/ttyS3 4<> /dev/ttyS2; stty raw -echo <&3; stty raw -echo <&4\n"
        script += b"echo hi >&4; head -c 3 <&3; tty; kill -9 $$\n"
        result = self.run_machine("/bin/sh", stdin=script)
        self.assertIn(b"\nhi\r\n/dev/ttyS0\r\n", result.stdout)
        self.assertEqual((result.returncode, result.stderr), (128 + signal.SIGKILL, b""))

    def test_tests_that_were_not_reported_are_named(self):
        self.description["passes"] = ["one", "two"]
        result = self.run_machine("/bin/echo", "PASS one")
        self.assertEqual(result.returncode, run.MACHINE_FAILED)
        self.assertEqual(result.stderr.decode(), f"{self.description['name']}: the program did not report PASS two\n")

    def test_a_program_that_is_not_there(self):
        result = self.run_machine("/bin/nonesuch")
        self.assertEqual(result.returncode, run.MACHINE_FAILED)
        self.assertIn(b"running /bin/nonesuch: No such file or directory\n", result.stderr)

    def test_time_is_up(self):
        self.assert_fails("^the time is up, and the kernel has not reached its first program$", limit=0.1)

    def test_a_kernel_that_is_none(self):
        self.description["kernel"] = self.description["busybox"]
        self.assert_fails("^QEMU ended, and the kernel has not reached its first program; it said .*kernel")

    def test_a_kernel_that_is_not_there(self):
        self.description["kernel"] = "/no/such/kernel"
        self.assert_fails("^QEMU ended, .*/no/such/kernel")

    def test_a_kernel_without_its_first_program(self):
        self.description["kernel_args"] = ["rdinit=/no/such/program", "root=/dev/none"]
        self.assert_fails("^QEMU ended, and the kernel has not reached its first program; it said nothing$")

    def test_a_library_of_qemu_is_damaged(self):
        with tempfile.TemporaryDirectory() as directory:
            for folder in ("lib", "usr/bin"):
                os.makedirs(os.path.join(directory, os.path.dirname(folder)), exist_ok=True)
                os.symlink(os.path.abspath(os.path.join(self.description["qemu"], folder)), os.path.join(directory, folder))
            # Where it is looked for before the machine's own.
            libraries = os.path.join(directory, "usr/lib/x86_64-linux-gnu")
            os.makedirs(libraries)
            with open(os.path.join(libraries, "libpixman-1.so.0"), "wb"):
                self.description["qemu"] = directory
            self.assert_fails(r"^QEMU ended, .* error while loading shared libraries: \S*/libpixman-1.so.0: file too short$")

    def test_qemu_is_missing(self):
        self.description["qemu"] = "/no/such/place"
        self.assert_fails("No such file or directory: '/no/such/place/lib/")

    def test_a_module_that_is_not_there(self):
        self.description["modules"] = ["virtio_blk", "nonesuch"]
        self.assert_fails("^there is no module nonesuch in ")

    def test_a_disk_without_a_size(self):
        for size in ("", "64", "M", "0M", "64m", "-1M"):
            self.description["disks"] = [size]
            self.assert_fails(f"^the size of a disk .* not '{size}'$")

    def test_nothing_is_left_when_the_run_is_killed(self):
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
