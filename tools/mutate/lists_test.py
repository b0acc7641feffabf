"""Each entry of the lists of mutations fits the sources of today."""

import collections
import os
import unittest

from tools.lint import workspace
from tools.mutate import run


class ListsTest(unittest.TestCase):
    def test_each_fragment_occurs_once(self):
        found = run.load_lists(workspace.root())
        self.assertGreaterEqual(len(found), 150)

    def test_no_mutation_is_listed_twice(self):
        changes = collections.Counter((m.path, m.fragment, m.replacement) for m in run.load_lists(workspace.root()))
        self.assertEqual([change for change, count in changes.items() if count > 1], [])

    def test_the_packages_of_the_product_are_covered(self):
        covered = {os.path.normpath(m.path).split("/")[0] for m in run.load_lists(workspace.root())}
        self.assertEqual(covered, {"devices", "hostsim", "launcher", "loader"})


if __name__ == "__main__":
    unittest.main()
