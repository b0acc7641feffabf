"""Runs apt with the machine's own sources, mirrors and keys, but with a private package state.

It needs no root, and it neither reads nor changes the machine's package state. In addition to the machine's
architecture it knows i386 and source packages.
"""

import os
import re
import shutil
import subprocess

RELEASE = "bookworm"
APT_HELPER = "/usr/lib/apt/apt-helper"

_SOURCES = "Acquire::IndexTargets::deb::Sources::"
_OPTIONS = {
    "APT::Architecture": "amd64",
    "APT::Architectures::": "i386",
    "APT::Sandbox::User": "",
    "Acquire::Languages": "none",
    "Acquire::Retries": "2",
    # Makes "deb" lines fetch the index of the source packages too, so that no "deb-src" line is needed.
    _SOURCES + "MetaKey": "$(COMPONENT)/source/Sources",
    _SOURCES + "ShortDescription": "Sources",
    _SOURCES + "Description": "$(RELEASE)/$(COMPONENT) Sources",
}


class AptError(Exception):
    """The error, in one sentence for the user."""


def _run(command, **kwargs):
    environment = dict(os.environ, LC_ALL="C")
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        **kwargs,
    )


def _options(options):
    return [f"-o{key}={value}" for key, value in options.items()]


def require_tools():
    """Raises AptError if a tool of apt is missing on this machine."""
    for tool in ("apt-get", "dpkg-deb", APT_HELPER):
        if not shutil.which(tool):
            raise AptError(f"{tool} is missing: the build takes its packages from Debian's apt, so run it on Debian 12")


def mirrors():
    """Returns the base addresses of this machine's Debian 12 sources, the release before its updates."""
    output = _run(["apt-get", "update", "--print-uris"]).stdout
    found = sorted((release, uri) for uri, release in re.findall(rf"^'(\S+/)dists/({RELEASE}[^/]*)/InRelease'", output, re.MULTILINE))
    if not found:
        raise AptError(f"apt's configuration on this machine names no source of Debian 12 ({RELEASE})")
    return list(dict.fromkeys(uri for _, uri in found))


def download(files):
    """Downloads `files`, a list of (address, path, sha256), and returns apt's messages.

    A file that apt could not download, or that has another hash, does not exist afterwards.
    """
    triples = [argument for uri, path, sha256 in files for argument in (uri, path, "SHA256:" + sha256)]
    return _run([APT_HELPER, *_options(_OPTIONS), "download-file", *triples]).stdout


class Index:
    """The package indexes of all Debian 12 sources of this machine, fetched into `directory`."""

    def __init__(self, directory):
        directory = os.path.abspath(directory)
        for path in ("state/lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(directory, path), exist_ok=True)
        status = os.path.join(directory, "status")
        with open(status, "w", encoding="utf-8"):
            pass
        self._options = _options(
            {
                **_OPTIONS,
                "Dir::State": os.path.join(directory, "state"),
                "Dir::State::status": status,
                "Dir::Cache": os.path.join(directory, "cache"),
            }
        )
        self._messages = _run(["apt-get", *self._options, "update"]).stdout

    def packages(self, wanted):
        """Returns {(name, architecture): fields of the index} for those packages of `wanted` that exist.

        The release has precedence over its updates and security updates. The mirrors keep the packages of the release, but
        remove a security update when the next one appears.
        """
        command = ["apt-get", *self._options, "indextargets", "--format", "$(RELEASE) $(FILENAME)"]
        files = sorted(line.split() for line in _run(command).stdout.splitlines() if line.startswith(RELEASE))
        if not files:
            raise AptError("the Debian mirror of this machine's apt configuration cannot be reached: " + first_error(self._messages))
        names = {name for name, _ in wanted}
        found = {}
        for _, path in files:
            text = _run([APT_HELPER, "cat-file", path]).stdout
            for stanza in text.split("\n\n"):
                name = stanza.partition("\n")[0].partition(": ")[2]
                if name in names:
                    fields = dict(re.findall(r"^([\w-]+):[ \n]((?:.*(?:\n .*)*))", stanza, re.MULTILINE))
                    architectures = ["source"] if "Directory" in fields else [fields["Architecture"]]
                    if architectures == ["all"]:
                        architectures = ["amd64", "i386"]
                    for architecture in architectures:
                        found.setdefault((name, architecture), fields)
        return {key: found[key] for key in wanted if key in found}


def file_version(version, architecture):
    """Returns `version` as in a file name: without the epoch, and without the revision for an upstream tarball."""
    version = version.partition(":")[2] or version
    return version.rpartition("-")[0] if architecture == "source" else version


def lock_row(name, architecture, fields):
    """Returns (version, pool path, sha256) of a package, with "{}" in place of the version in the path."""
    version = fields["Version"]
    if architecture == "source":
        sha256, _, file = re.search(r"(\w{64}) (\d+) (\S+\.orig\.tar\.\w+)$", fields["Checksums-Sha256"], re.MULTILINE).groups()
        path = fields["Directory"] + "/" + file
    else:
        path, sha256 = fields["Filename"], fields["SHA256"]
    template = path.replace(f"_{file_version(version, architecture)}", "_{}")
    if "{}" not in template:
        raise AptError(f"{name}: the file name {path} does not contain the version {version}")
    return version, template, sha256


def first_error(messages):
    """Returns the most specific error line among apt's messages."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E: ")]
    return (errors or lines or ["apt printed no message"])[0].removeprefix("E: ")
