"""Writes archives in the format of an initramfs (cpio, "newc")."""

import stat

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"


class Writer:
    """Writes an archive. All files belong to root and have time 0. Paths are relative, as in "bin/sh"."""

    def __init__(self, output):
        self._output = output
        self._directories = set()
        self._inode = 0

    def file(self, path, content, permissions=0o755):
        self._entry(path, stat.S_IFREG | permissions, content)

    def symlink(self, path, target):
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path, kind, major, minor):
        """Adds a device node; `kind` is stat.S_IFCHR or stat.S_IFBLK."""
        self._entry(path, kind | 0o666, device=(major, minor))

    def directory(self, path):
        """Adds a directory and its parents, unless the archive has them."""
        if path and path not in self._directories:
            self._entry(path, stat.S_IFDIR | 0o755)
            self._directories.add(path)

    def close(self):
        """Writes the trailer of the archive."""
        self._header(_TRAILER, 0, b"", (0, 0))

    def _entry(self, path, mode, content=b"", device=(0, 0)):
        self.directory(path.rpartition("/")[0])
        self._header(path, mode, content, device)

    def _header(self, path, mode, content, device):
        self._inode += 1
        name = path.encode() + b"\0"
        fields = (
            self._inode,
            mode,
            0,  # user
            0,  # group
            2 if stat.S_ISDIR(mode) else 1,  # links
            0,  # time
            len(content),
            0,  # device that holds the file
            0,
            *device,
            len(name),
            0,  # checksum: unused in "newc"
        )
        self._padded(_MAGIC + b"".join(b"%08x" % field for field in fields) + name)
        self._padded(content)

    def _padded(self, content):
        self._output.write(content)
        self._output.write(bytes(-self._output.tell() % 4))
