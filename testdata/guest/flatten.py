"""Writes the loadable contents of an ELF file as a flat memory image that starts at the lowest address."""

import struct
import sys

PT_LOAD = 1


def flatten(elf):
    (table,) = struct.unpack_from("<I", elf, 28)
    entry_size, entries = struct.unpack_from("<HH", elf, 42)
    segments = []
    for i in range(entries):
        header = table + i * entry_size
        kind, offset, _, physical, file_size = struct.unpack_from("<5I", elf, header)
        if kind == PT_LOAD and file_size > 0:
            segments.append((physical, elf[offset : offset + file_size]))
    start = min(physical for physical, _ in segments)
    end = max(physical + len(data) for physical, data in segments)
    image = bytearray(end - start)
    for physical, data in segments:
        image[physical - start : physical - start + len(data)] = data
    return bytes(image)


def main():
    elf_path, binary_path = sys.argv[1:]
    with open(elf_path, "rb") as elf:
        image = flatten(elf.read())
    with open(binary_path, "wb") as binary:
        binary.write(image)


if __name__ == "__main__":
    main()
