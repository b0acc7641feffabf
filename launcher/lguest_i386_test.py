"""Tests the 32-bit launcher under emulation of Linux 2.6.23, without a /dev/lguest."""

import os
import subprocess
import sys
import unittest

TIME_LIMIT = 60  # seconds; much more than any test takes


def run(*args):
    # `linux26` makes system calls and flags fail that Linux 2.6.23 does not have.
    return subprocess.run([LINUX26, LAUNCHER, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT, check=False)


class OldKernelTest(unittest.TestCase):
    def test_version(self):
        result = run("--version")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"lguest 1.0\n", b""))

    def test_help(self):
        result = run("--help")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"Usage: lguest", result.stdout)

    def test_usage_error_is_status_64(self):
        result = run("64")
        self.assertEqual(result.returncode, 64, result)
        self.assertIn(b"kernel missing", result.stderr)

    def test_memory_without_room_below_the_launcher_is_a_usage_error_F23(self):
        result = run("2944", "/nowhere")
        self.assertEqual(result.returncode, 64, result)
        self.assertIn(b"memory size 2944 MB: this launcher can give a guest at most 2943 MB", result.stderr)
        result = run("2943", "/nowhere")
        self.assertNotEqual(result.returncode, 64, result)

    def test_64_bit_hosts_are_refused(self):
        for host in ("sim", "kvm"):
            result = run("--host=" + host, "64", "/dev/null")
            self.assertEqual(result.returncode, 69, result)
            self.assertIn(b"64-bit launcher", result.stderr)

    @unittest.skipIf(os.path.exists("/dev/lguest"), "this machine has a /dev/lguest")
    def test_missing_device_is_reported(self):
        for args in ([], ["--host=device"]):
            result = run(*args, "64", "/dev/null")
            self.assertEqual(result.returncode, 69, result)
            self.assertIn(b"opening /dev/lguest: No such file or directory", result.stderr)
            self.assertIn(b"modprobe lg", result.stderr)


class ImageTest(unittest.TestCase):
    def test_entry_point_is_above_all_guests(self):
        with open(LAUNCHER, "rb") as file:
            header = file.read(52)
        self.assertEqual(header[:5], b"\x7fELF\x01")
        entry = int.from_bytes(header[24:28], "little")
        self.assertEqual(entry >> 24, 0xB8)


if __name__ == "__main__":
    LAUNCHER, LINUX26 = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
