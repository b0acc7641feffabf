"""debian_repository: unpacks pinned Debian packages into an external repository."""

load("//tools/third_party:download.bzl", "download")
load(":lock.bzl", "LOCK")

_OPT_IN = "LGUEST_DEB_ALLOW_UNPINNED"

# The interpreter that Debian's Bazel depends on. PATH is not searched.
_PYTHON = "/usr/bin/python3"

# Directories that no build needs. They hold most of the files of a package.
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
# An absolute link would point outside of the repository, so make it relative. Then delete dangling links until none is left.
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
    """Downloads the packages that are not in Bazel's repository cache."""
    missing = {label: row for label, row in packages.items() if not _cached(rctx, label, row)}
    if not missing:
        return
    if not rctx.path(_PYTHON).exists:
        _fail(rctx, _PYTHON + " is missing. It is needed to download the Debian packages.")
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
            # This is another version than the pinned one. It has another hash, so it never enters the cache.
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

    # Bazel compares a directory that is an input of an action by its time only. STAMP changes when the contents change.
    rctx.file("STAMP", "\n".join([" ".join([label] + row) for label, row in packages.items()]))
    rctx.file("WORKSPACE", "workspace(name = \"{}\")\n".format(rctx.name))
    if rctx.attr.build_file:
        rctx.template("BUILD.bazel", rctx.attr.build_file)

debian_repository = repository_rule(
    doc = "Unpacks the packages that lock.bzl lists under this repository's name into one tree.",
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
