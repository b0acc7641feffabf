"""Tests that the images of the guest kernel conform to ABI.md §3."""

import struct
import sys
import unittest
import zlib

MAGIC = b"GenuineLguest"
PAGE_OFFSET = 0xC0000000
LOAD_ADDRESS = 0x100000
MOV_MOFFS32_EAX = 0xA1


def read(path):
    with open(path, "rb") as file:
        return file.read()


class ImagesTest(unittest.TestCase):
    vmlinux = b""
    flat = b""
    bzimage = b""

    def test_all_segments_share_the_page_offset(self):
        (table,) = struct.unpack_from("<I", self.vmlinux, 28)
        (entries,) = struct.unpack_from("<H", self.vmlinux, 44)
        for i in range(entries):
            kind, _, virtual, physical = struct.unpack_from("<4I", self.vmlinux, table + 32 * i)
            if kind == 1:
                self.assertEqual(virtual - physical, PAGE_OFFSET)
                self.assertGreaterEqual(physical, LOAD_ADDRESS)

    def test_entry_follows_the_only_magic(self):
        self.assertEqual(self.flat.count(MAGIC), 1)
        (entry,) = struct.unpack_from("<I", self.vmlinux, 24)
        offset = self.flat.index(MAGIC) + len(MAGIC)
        self.assertEqual(entry, PAGE_OFFSET + LOAD_ADDRESS + offset)

    def test_page_offset_can_be_guessed_from_the_code(self):
        votes = sum(
            1
            for i in range(len(self.flat) - 4)
            if self.flat[i] == MOV_MOFFS32_EAX and self.flat[i + 4] == PAGE_OFFSET >> 24
        )
        self.assertGreater(votes, 3)

    def test_bzimage_holds_the_flat_kernel(self):
        setup_sectors = self.bzimage[0x1F1]
        (boot_flag,) = struct.unpack_from("<H", self.bzimage, 0x1FE)
        (version,) = struct.unpack_from("<H", self.bzimage, 0x206)
        self.assertEqual(boot_flag, 0xAA55)
        self.assertEqual(self.bzimage[0x202:0x206], b"HdrS")
        self.assertGreaterEqual(version, 0x0202)
        start = self.bzimage.index(b"\x1f\x8b\x08", (1 + setup_sectors) * 512)
        payload = zlib.decompressobj(wbits=31).decompress(self.bzimage[start:])
        self.assertEqual(payload, self.flat)


if __name__ == "__main__":
    ImagesTest.bzimage = read(sys.argv.pop())
    ImagesTest.flat = read(sys.argv.pop())
    ImagesTest.vmlinux = read(sys.argv.pop())
    unittest.main()
