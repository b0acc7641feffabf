"""Tests load_guest on a Debian kernel, and with our own guest as the payload of that kernel.

The test parses the kernel's header itself to compute the expected values.
"""

import gzip
import struct
import subprocess
import sys
import tempfile
import unittest

# Linux boot protocol, "The Real-Mode Kernel Header".
SETUP_SECTORS = 0x1F1
VERSION = 0x206
PAYLOAD_OFFSET = 0x248
SECTOR = 512

PROTOCOL_WITHOUT_PAYLOAD = 0x207

MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x02\x21\x4c\x18": "lz4",
}


class DebianKernelTest(unittest.TestCase):
    def setUp(self):
        with open(VMLINUZ, "rb") as file:
            self.image = bytearray(file.read())
        self.assertEqual(self.image[0x202:0x206], b"HdrS")
        start = (self.image[SETUP_SECTORS] + 1) * SECTOR
        offset, self.size = struct.unpack_from("<II", self.image, PAYLOAD_OFFSET)
        self.payload = start + offset

    def load(self, path):
        return subprocess.run([LOAD_GUEST, path], capture_output=True, text=True, check=False)

    def load_image(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.image)
            file.flush()
            return file.name, self.load(file.name)

    def hide_payload_from_header(self):
        struct.pack_into("<H", self.image, VERSION, PROTOCOL_WITHOUT_PAYLOAD)

    def replace_payload(self, content):
        packed = gzip.compress(content, mtime=0)
        self.assertLess(len(packed), self.size)
        self.image[self.payload : self.payload + self.size] = packed.ljust(self.size, b"\0")
        struct.pack_into("<I", self.image, PAYLOAD_OFFSET + 4, len(packed))

    def refusal(self, path):
        payload = self.image[self.payload :]
        (name,) = [name for magic, name in MAGIC.items() if payload.startswith(magic)]
        self.assertNotEqual(name, "gzip", "this kernel needs another test")
        needed = "gzip is needed (CONFIG_KERNEL_GZIP), and a 32-bit kernel that was built as an lguest guest (CONFIG_LGUEST_GUEST)"
        return f"{path}: payload at byte {self.payload} is compressed with {name}: {needed}\n"

    def assert_refused(self, result, message):
        self.assertEqual((result.returncode, result.stdout, result.stderr), (1, "", message))

    def test_error_names_compression_with_header(self):
        self.assert_refused(self.load(VMLINUZ), self.refusal(VMLINUZ))

    def test_error_names_compression_without_header(self):
        self.hide_payload_from_header()
        path, result = self.load_image()
        self.assert_refused(result, self.refusal(path))

    def test_payload_beyond_end_of_file(self):
        struct.pack_into("<I", self.image, PAYLOAD_OFFSET + 4, len(self.image))
        path, result = self.load_image()
        end = self.payload + len(self.image)
        message = f"{path}: payload_offset and payload_length: the payload ends at byte {end}, but the file has {len(self.image)}\n"
        self.assert_refused(result, message)

    def test_replaced_payload_loads(self):
        with open(VMLINUX, "rb") as file:
            self.replace_payload(file.read())
        alone = self.load(VMLINUX)
        self.assertRegex(alone.stdout, "^Section 0: size ")
        for _ in range(2):
            _, result = self.load_image()
            self.assertEqual((result.returncode, result.stderr, result.stdout), (0, "", alone.stdout))
            self.hide_payload_from_header()

    def test_64_bit_payload_is_refused(self):
        with open(LOAD_GUEST, "rb") as file:
            self.replace_payload(file.read())
        for _ in range(2):
            path, result = self.load_image()
            self.assert_refused(result, f"{path}: ELF class 2 (64-bit): a 32-bit kernel (class 1) is needed\n")
            self.hide_payload_from_header()


if __name__ == "__main__":
    LOAD_GUEST, VMLINUZ, VMLINUX = sys.argv[1:4]
    del sys.argv[1:4]
    unittest.main()
