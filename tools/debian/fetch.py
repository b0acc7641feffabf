#!/usr/bin/python3
"""Downloads pinned Debian packages for the repository rule in repository.bzl.

usage: fetch.py [--allow-unpinned] DIRECTORY PACKAGE:ARCHITECTURE VERSION PATH SHA256 [...]

Each package becomes DIRECTORY/SHA256. Warnings go to stdout; a failure is one sentence on stderr.
"""

import hashlib
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import apt  # pylint: disable=wrong-import-position

UPDATE = "tools/debian/update.py"
OPT_IN = "--repo_env=LGUEST_DEB_ALLOW_UNPINNED=1"
DISK_FULL = "No space left on device"


class Package:
    """One row of the lock file, and the path to download it to."""

    def __init__(self, directory, label, version, template, sha256):
        self.name, _, self.architecture = label.partition(":")
        self.label = label
        self.version = version
        self.path = template.replace("{}", apt.file_version(version, self.architecture))
        self.sha256 = sha256
        self.file = os.path.join(directory, sha256)

    def verify(self):
        """Returns whether the file exists with the pinned hash. Removes a file with another hash."""
        if not os.path.exists(self.file):
            return False
        with open(self.file, "rb") as file:
            good = hashlib.sha256(file.read()).hexdigest() == self.sha256
        if not good:
            os.remove(self.file)
        return good


def download_pinned(packages):
    """Returns the packages that could not be downloaded, as {package: apt's messages}."""
    missing = dict.fromkeys(packages, "")
    for mirror in apt.mirrors():
        if not missing:
            break
        output = apt.download([(mirror + package.path, package.file, package.sha256) for package in missing])
        missing = {package: messages + output for package, messages in missing.items() if not package.verify()}
    return missing


def about(package, messages):
    """Returns the messages that name this package's file, or all messages if none names it."""
    base = os.path.basename(package.path)
    paragraphs = messages.replace("\nE: ", "\0E: ").replace("\nErr:", "\0Err:").split("\0")
    return "\n".join(text for text in paragraphs if base in text or base.replace("+", "%2b") in text) or messages


def take_current(package, current):
    """Downloads the version that is on the mirror now, as apt's signed index describes it."""
    row = apt.lock_row(package.name, package.architecture, current)
    substitute = Package(os.path.dirname(package.file), package.label, *row)
    if download_pinned([substitute]):
        raise apt.AptError(f"{substitute.label} {substitute.version} cannot be downloaded from the mirror")
    os.rename(substitute.file, package.file)
    print(
        f"WARNING: {package.label} {package.version} is no longer on the mirror; used {substitute.version} "
        f"(sha256 {substitute.sha256}) instead. To refresh the lock file, run {UPDATE}."
    )


def explain(package, messages, directory, allow_unpinned):
    """Handles a package that could not be downloaded: takes the mirror's version if allowed, else raises AptError."""
    subject = f"{package.label} {package.version}"
    detail = about(package, messages)
    if DISK_FULL in messages:
        raise apt.AptError(f"{subject} cannot be stored: no space left on the disk of {directory}")
    if "Hash Sum mismatch" in detail or "unexpected size" in detail:
        raise apt.AptError(
            f"{subject}: the file from the mirror does not have the sha256 of the lock file, {package.sha256} "
            f"(a corrupted download, or a wrong line in tools/debian/lock.bzl)"
        )
    if "404" not in detail and "File not found" not in detail:
        raise apt.AptError(
            f"{subject} cannot be downloaded from the Debian mirror of this machine's apt configuration: "
            + apt.first_error(detail)
        )
    with tempfile.TemporaryDirectory(dir=directory) as state:
        key = (package.name, package.architecture)
        current = apt.Index(state).packages({key}).get(key)
    if not current:
        raise apt.AptError(f"{subject} is no longer on the mirror, and the mirror has no other version")
    if allow_unpinned:
        take_current(package, current)
        return
    raise apt.AptError(
        f"{subject} is not on the mirror, which has {current['Version']}: refresh the lock file with {UPDATE}, "
        f"or use the mirror's version for this build with {OPT_IN}"
    )


def main(arguments):
    allow_unpinned = "--allow-unpinned" in arguments
    directory, *rows = [argument for argument in arguments if argument != "--allow-unpinned"]
    packages = [Package(directory, *rows[i : i + 4]) for i in range(0, len(rows), 4)]
    apt.require_tools()
    for package, messages in download_pinned(packages).items():
        explain(package, messages, directory, allow_unpinned)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (apt.AptError, OSError) as error:
        sys.exit(str(error))
