"""Wraps a flat kernel as a bzImage, as Linux's build does.

A bzImage has a boot sector, setup code, a decompressor and the gzip payload. Boot sector and decompressor are stubs here.
"""

import gzip
import struct
import sys

SECTOR = 512
SETUP_SECTORS = 4  # after the boot sector
PARAGRAPH = 16
BOOT_PROTOCOL = 0x0206
LOADED_HIGH = 1
LOAD_ADDRESS = 0x100000

# Code that stops the machine: cli; hlt; jmp back. lguest never runs it.
HALT = b"\xfa\xf4\xeb\xfd"


def setup(protected_mode_size):
    image = bytearray((1 + SETUP_SECTORS) * SECTOR)
    image[0 : len(HALT)] = HALT
    struct.pack_into("<B", image, 0x1F1, SETUP_SECTORS)
    struct.pack_into("<I", image, 0x1F4, protected_mode_size // PARAGRAPH)
    struct.pack_into("<H", image, 0x1FE, 0xAA55)
    header_end = 0x230
    image[0x200:0x202] = bytes([0xEB, header_end - 0x202])  # jmp over the header
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, BOOT_PROTOCOL)
    struct.pack_into("<B", image, 0x211, LOADED_HIGH)
    struct.pack_into("<I", image, 0x214, LOAD_ADDRESS)
    struct.pack_into("<I", image, 0x22C, 0x37FFFFFF)  # highest address of an initrd
    image[header_end : header_end + len(HALT)] = HALT
    return bytes(image)


def bzimage(kernel):
    # Linux has its decompressor here. A launcher for lguest decompresses the kernel itself.
    protected_mode = HALT + bytes(PARAGRAPH - len(HALT)) + gzip.compress(kernel, 9, mtime=0)
    protected_mode += bytes(-len(protected_mode) % PARAGRAPH)
    return setup(len(protected_mode)) + protected_mode


def main():
    kernel_path, bzimage_path = sys.argv[1:]
    with open(kernel_path, "rb") as kernel:
        image = bzimage(kernel.read())
    with open(bzimage_path, "wb") as output:
        output.write(image)


if __name__ == "__main__":
    main()
