"""Packs a program as the /init of an initramfs with a console device: a cpio archive in the format "newc"."""

import sys

DIRECTORY, CHARACTER_DEVICE, FILE = 0o040755, 0o020600, 0o100755
CONSOLE = (5, 1)


def entry(number, name, mode, data=b"", device=(0, 0)):
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return pad(header + name.encode() + b"\0") + pad(data)


def pad(data):
    return data + bytes(-len(data) % 4)


def main():
    program, output = sys.argv[1:]
    with open(program, "rb") as file:
        init = file.read()
    with open(output, "wb") as file:
        file.write(entry(1, "dev", DIRECTORY))
        file.write(entry(2, "dev/console", CHARACTER_DEVICE, device=CONSOLE))
        file.write(entry(3, "init", FILE, init))
        file.write(entry(0, "TRAILER!!!", 0))


if __name__ == "__main__":
    main()
