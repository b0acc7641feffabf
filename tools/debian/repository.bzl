"""debian_repository: pinned Debian packages, unpacked into an external repository."""

load("//tools/third_party:download.bzl", "download")
load(":lock.bzl", "LOCK")

_OPT_IN = "LGUEST_DEB_ALLOW_UNPINNED"

# The one that Debian's Bazel depends on, whatever else is in PATH.
_PYTHON = "/usr/bin/python3"

# Directories of a package that no build needs; they are most of the files.
_NEVER_NEEDED = ["./etc", "./usr/share/bug", "./usr/share/doc", "./usr/share/lintian", "./usr/share/locale", "./usr/share/man"]

_UNPACK = """\
set -eu
for archive in downloads/*; do
  case $(head -c 7 "$archive") in
    '!<arch>') dpkg-deb --fsys-tarfile "$archive" | tar -x --no-same-owner --no-same-permissions "$@" ;;
    *) tar -xf "$archive" --no-same-owner --no-same-permissions --strip-components=1 "$@" ;;
  esac
done
rm -r downloads
if [ "$STRIP_PREFIX" ]; then
  cp -a "$STRIP_PREFIX/." .
  rm -r "${STRIP_PREFIX%%/*}"
fi
# An absolute link would lead out of the repository: make it relative, and drop those that lead nowhere, also in turn.
find . -type l -lname '/*' | while read -r link; do
  ln -sfn "$(realpath -ms --relative-to="$(dirname "$link")" "$PWD$(readlink "$link")")" "$link"
done
while [ "$(find . -xtype l -print -delete)" ]; do :; done
"""

def _fail(rctx, sentence):
    fail("\n\n@{}: {}\n".format(rctx.name, sentence.strip()))

def _cached(rctx, label, row, urls = []):
    version, _, sha256 = row
    return download(rctx, urls, "downloads/" + sha256, sha256, label + "=" + version)

def _download(rctx, packages):
    """Downloads all packages that Bazel's repository cache does not have."""
    missing = {label: row for label, row in packages.items() if not _cached(rctx, label, row)}
    if not missing:
        return
    if not rctx.path(_PYTHON).exists:
        _fail(rctx, _PYTHON + " is missing, which downloads the Debian packages.")
    rctx.report_progress("downloading {} packages".format(len(missing)))
    rctx.execute(["mkdir", "-p", "fresh"])
    arguments = ["--allow-unpinned"] if rctx.os.environ.get(_OPT_IN) == "1" else []
    arguments.append("fresh")
    for label, row in missing.items():
        arguments += [label] + row
    result = rctx.execute([_PYTHON, rctx.path(rctx.attr._fetch)] + arguments, timeout = 1800, quiet = True)
    if result.return_code:
        _fail(rctx, result.stderr)
    if result.stdout:
        print("\n" + result.stdout)  # buildifier: disable=print
    for label, row in missing.items():
        if not _cached(rctx, label, row, ["file://{}/{}".format(rctx.path("fresh"), row[2])]):
            # A package that stands in for the pinned one: it has another hash, so it never enters the cache.
            copy = rctx.execute(["cp", "fresh/" + row[2], "downloads/" + row[2]], quiet = True)
            if copy.return_code:
                _fail(rctx, "{} cannot be stored: {}".format(label, copy.stderr))
    rctx.delete("fresh")

def _debian_repository_impl(rctx):
    packages = LOCK[rctx.name]
    _download(rctx, packages)
    excludes = ["--exclude=" + directory for directory in _NEVER_NEEDED + rctx.attr.excludes]
    result = rctx.execute(
        ["bash", "-c", _UNPACK, "unpack"] + excludes,
        environment = {"STRIP_PREFIX": rctx.attr.strip_prefix},
        quiet = True,
    )
    if result.return_code:
        _fail(rctx, "its packages cannot be unpacked: " + result.stderr.partition("\n")[0])

    # Bazel compares directories that are inputs of an action by their time only: the stamp stands for their contents.
    rctx.file("STAMP", "\n".join([" ".join([label] + row) for label, row in packages.items()]))
    rctx.file("WORKSPACE", "workspace(name = \"{}\")\n".format(rctx.name))
    if rctx.attr.build_file:
        rctx.template("BUILD.bazel", rctx.attr.build_file)

debian_repository = repository_rule(
    doc = "The packages that lock.bzl has for a repository of this name, unpacked into one tree.",
    implementation = _debian_repository_impl,
    attrs = {
        "build_file": attr.label(doc = "The BUILD.bazel of the repository, if the packages do not bring their own."),
        "excludes": attr.string_list(doc = "Paths in the packages that are not unpacked, as in './usr/share'."),
        "strip_prefix": attr.string(doc = "The directory of the packages that becomes the root of the repository."),
        "_fetch": attr.label(default = "//tools/debian:fetch.py"),
        "_apt": attr.label(default = "//tools/debian:apt.py"),
    },
    environ = [_OPT_IN],
)
