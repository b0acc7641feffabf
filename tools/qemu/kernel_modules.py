"""Finds the modules of a Linux kernel and their dependencies."""

import os
import re


class ModuleError(Exception):
    """The error, in one sentence for the user."""


def _canonical(name):
    # File names and "depends=" may spell the same module with "-" or "_".
    return name.replace("-", "_")


class ModuleTree:
    """The modules below a directory, as in /lib/modules."""

    def __init__(self, directory):
        self._directory = directory
        self._files = {}
        self._builtin = set()
        for folder, _, names in os.walk(directory, followlinks=True):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith(".ko"):
                    self._files[_canonical(name.removesuffix(".ko"))] = path
                elif name == "modules.builtin":
                    with open(path, encoding="utf-8") as file:
                        self._builtin |= {_canonical(os.path.basename(line.strip()).removesuffix(".ko")) for line in file}

    def in_order(self, names):
        """Returns the files of the modules `names` and of their dependencies, each module after its dependencies."""
        found = {}
        for name in names:
            self._add(_canonical(name), found)
        return list(found.values())

    def _add(self, name, found):
        if name in found or name in self._builtin:
            return
        if name not in self._files:
            raise ModuleError(f"no module {name} in {self._directory}")
        with open(self._files[name], "rb") as file:
            depends = re.search(rb"\0depends=([^\0]*)\0", file.read())
        for needed in depends[1].decode().split(",") if depends else []:
            if needed:
                self._add(_canonical(needed), found)
        found[name] = self._files[name]
