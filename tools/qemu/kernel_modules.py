"""Finds the modules of a Linux kernel."""

import os
import re


class ModuleError(Exception):
    """What is wrong, in one sentence for the user."""


def _canonical(name):
    # Both spellings are in use; the files and what they depend on differ in it.
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
        """Returns the files of the modules `names` and of those that they need, each after what it needs."""
        found = {}
        for name in names:
            self._add(_canonical(name), found)
        return list(found.values())

    def _add(self, name, found):
        if name in found or name in self._builtin:
            return
        if name not in self._files:
            raise ModuleError(f"there is no module {name} in {self._directory}")
        with open(self._files[name], "rb") as file:
            depends = re.search(rb"\0depends=([^\0]*)\0", file.read())
        for needed in depends[1].decode().split(",") if depends else []:
            if needed:
                self._add(_canonical(needed), found)
        found[name] = self._files[name]
