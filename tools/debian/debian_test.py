"""Tests how update.py makes the lock file, and how fetch.py explains a failed download."""

import tempfile
import unittest
from unittest import mock

import apt
import fetch
import update

SHA256 = "a" * 64
BINARY = {"Version": "1:1.2-3", "Filename": "pool/main/z/zlib/zlib1g-dev_1.2-3_amd64.deb", "SHA256": SHA256}
SOURCE = {
    "Version": "1.12.1-0.2",
    "Directory": "pool/main/g/gtest",
    "Checksums-Sha256": f" {'b' * 64} 99 gtest_1.12.1-0.2.dsc\n {SHA256} 42 gtest_1.12.1.orig.tar.gz",
}


class LockTest(unittest.TestCase):
    def test_list_has_one_entry_for_each_architecture(self):
        text = "# comment\n\nzlib zlib1g-dev amd64 i386 # more\n"
        self.assertEqual(
            update.read_list(text), [("zlib", "zlib1g-dev", "amd64"), ("zlib", "zlib1g-dev", "i386")]
        )

    def test_line_without_architecture_is_an_error(self):
        with self.assertRaisesRegex(apt.AptError, "packages.txt:2"):
            update.read_list("\nzlib zlib1g-dev\n")

    def test_file_names_have_no_epoch(self):
        row = apt.lock_row("zlib1g-dev", "amd64", BINARY)
        self.assertEqual(row, ("1:1.2-3", "pool/main/z/zlib/zlib1g-dev_{}_amd64.deb", SHA256))
        package = fetch.Package("d", "zlib1g-dev:amd64", *row)
        self.assertEqual(package.path, BINARY["Filename"])

    def test_upstream_tarball_has_no_revision(self):
        row = apt.lock_row("gtest", "source", SOURCE)
        self.assertEqual(row, ("1.12.1-0.2", "pool/main/g/gtest/gtest_{}.orig.tar.gz", SHA256))

    def test_package_missing_on_the_mirror(self):
        with self.assertRaisesRegex(apt.AptError, "zlib1g-dev:amd64"):
            update.render([("zlib", "zlib1g-dev", "amd64")], {})


class ExplainTest(unittest.TestCase):
    def explain(self, messages, current=None, allow_unpinned=False):
        with tempfile.TemporaryDirectory() as directory:
            package = fetch.Package(directory, "zlib1g-dev:amd64", "1:1.2-3", "pool/z/zlib1g-dev_{}_amd64.deb", SHA256)
            index = mock.Mock()
            index.packages.return_value = {("zlib1g-dev", "amd64"): current} if current else {}
            with mock.patch.object(apt, "Index", return_value=index):
                with self.assertRaises(apt.AptError) as raised:
                    fetch.explain(package, messages, directory, allow_unpinned)
            return str(raised.exception)

    def test_version_no_longer_on_the_mirror(self):
        sentence = self.explain("E: Failed to fetch X  404  Not Found", current=dict(BINARY, Version="1:1.2-4"))
        for part in ("zlib1g-dev:amd64", "1:1.2-3", "1:1.2-4", fetch.UPDATE, fetch.OPT_IN):
            self.assertIn(part, sentence)

    def test_wrong_hash_fails_despite_allow_unpinned(self):
        sentence = self.explain("E: Failed to fetch X  Hash Sum mismatch", allow_unpinned=True)
        self.assertIn(SHA256, sentence)

    def test_full_disk(self):
        self.assertIn("no space left", self.explain("E: write (28: No space left on device)"))

    def test_unreachable_mirror(self):
        self.assertIn("Could not resolve", self.explain("Err:1 X\nE: Failed to fetch X  Could not resolve 'mirror'"))


if __name__ == "__main__":
    unittest.main()
