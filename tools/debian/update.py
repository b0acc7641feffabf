#!/usr/bin/python3
"""Rewrites lock.bzl: pins every package of packages.txt to the version that is on the mirror now."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import apt  # pylint: disable=wrong-import-position

FOLDER = os.path.dirname(os.path.realpath(__file__))
HEADER = '"""The pinned Debian packages: written by tools/debian/update.py from packages.txt, not by hand."""\n'


def read_list(text):
    """Returns the lines of packages.txt as [(repository, package, architecture)]."""
    wanted = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if words and len(words) < 3:
            raise apt.AptError(f"packages.txt:{number}: expected a repository, a package and its architectures")
        wanted += [(words[0], words[1], architecture) for architecture in words[2:]]
    return wanted


def render(wanted, packages):
    """Returns the text of lock.bzl."""
    lines = [HEADER, "LOCK = {"]
    for repository in sorted({repository for repository, _, _ in wanted}):
        lines.append(f'    "{repository}": {{')
        for _, name, architecture in sorted(row for row in wanted if row[0] == repository):
            if (name, architecture) not in packages:
                raise apt.AptError(f"{name}:{architecture} of packages.txt is not on the mirror")
            row = apt.lock_row(name, architecture, packages[name, architecture])
            lines.append('        "%s:%s": ["%s", "%s", "%s"],' % (name, architecture, *row))
        lines.append("    },")
    return "\n".join(lines + ["}", ""])


def main():
    with open(os.path.join(FOLDER, "packages.txt"), encoding="utf-8") as file:
        wanted = read_list(file.read())
    apt.require_tools()
    with tempfile.TemporaryDirectory() as directory:
        packages = apt.Index(directory).packages({(name, architecture) for _, name, architecture in wanted})
    text = render(wanted, packages)
    with open(os.path.join(FOLDER, "lock.bzl"), "w", encoding="utf-8") as file:
        file.write(text)
    print(f"lock.bzl: {len(wanted)} packages pinned")


if __name__ == "__main__":
    try:
        main()
    except (apt.AptError, OSError) as error:
        sys.exit(f"update.py: {error}")
