"""Tests which modules ModuleTree finds, and in which order."""

import os
import tempfile
import unittest

from tools.qemu import kernel_modules


class ModuleTreeTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.write("6.1/modules.builtin", "kernel/lib/crc.ko\n")

    def write(self, path, text):
        path = os.path.join(self.directory, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def module(self, name, depends):
        self.write(f"6.1/kernel/{name}.ko", f"\0license=GPL\0depends={depends}\0name={name}\0")

    def in_order(self, *names):
        paths = kernel_modules.ModuleTree(self.directory).in_order(names)
        return [os.path.basename(path) for path in paths]

    def test_dependencies_come_first_and_once(self):
        self.module("virtio", "")
        self.module("virtio-ring", "virtio")
        self.module("virtio_pci", "virtio,virtio_ring")
        self.module("virtio_blk", "virtio_ring,virtio")
        self.assertEqual(
            self.in_order("virtio_pci", "virtio_blk"), ["virtio.ko", "virtio-ring.ko", "virtio_pci.ko", "virtio_blk.ko"]
        )

    def test_builtin_module_needs_no_file(self):
        self.module("ext4", "crc")
        self.assertEqual(self.in_order("ext4", "crc"), ["ext4.ko"])

    def test_missing_module(self):
        self.module("ext4", "jbd2")
        with self.assertRaisesRegex(kernel_modules.ModuleError, f"^no module jbd2 in {self.directory}$"):
            self.in_order("ext4")


if __name__ == "__main__":
    unittest.main()
