"""The 32-bit launcher on an imitation of Linux 2.6.23, as far as it gets without a /dev/lguest."""

import os
import subprocess
import sys
import unittest

TIME_LIMIT = 60  # seconds; far more than anything here takes


def run(*args):
    # Under `linux26` everything that 2.6.23 does not have fails.
    return subprocess.run([LINUX26, LAUNCHER, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT, check=False)


class OldKernelTest(unittest.TestCase):
    def test_it_starts(self):
        result = run("--version")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"lguest 1.0\n", b""))

    def test_it_helps(self):
        result = run("--help")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"Usage: lguest", result.stdout)

    def test_a_bad_command_line(self):
        result = run("64")
        self.assertEqual(result.returncode, 64, result)
        self.assertIn(b"kernel missing", result.stderr)

    def test_hosts_of_the_other_launcher(self):
        for host in ("sim", "kvm"):
            result = run("--host=" + host, "64", "/dev/null")
            self.assertEqual(result.returncode, 69, result)
            self.assertIn(b"64-bit launcher", result.stderr)

    @unittest.skipIf(os.path.exists("/dev/lguest"), "this machine has the device")
    def test_a_missing_device_is_said(self):
        for args in ([], ["--host=device"]):
            result = run(*args, "64", "/dev/null")
            self.assertEqual(result.returncode, 69, result)
            self.assertIn(b"opening /dev/lguest: No such file or directory", result.stderr)
            self.assertIn(b"modprobe lg", result.stderr)


class ImageTest(unittest.TestCase):
    def test_it_is_a_static_program_above_all_guests(self):
        with open(LAUNCHER, "rb") as file:
            header = file.read(52)
        self.assertEqual(header[:5], b"\x7fELF\x01")
        entry = int.from_bytes(header[24:28], "little")
        self.assertEqual(entry >> 24, 0xB8)


if __name__ == "__main__":
    LAUNCHER, LINUX26 = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
