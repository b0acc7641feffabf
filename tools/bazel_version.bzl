"""Requires the Bazel version that the project builds with."""

_WANTED = "4.2."

def bazel_version_error(version):
    """Returns why the project does not build with Bazel `version`, or None."""

    # Debian's bazel-bootstrap has an empty version, as any Bazel built without version information.
    if not version or version.startswith(_WANTED):
        return None
    return "lguest builds with Bazel {}x (Debian 12: apt-get install bazel-bootstrap); this is Bazel {}.".format(_WANTED, version)

def require_bazel():
    """Fails if Bazel has another version. Only a WORKSPACE may call this."""
    error = bazel_version_error(native.bazel_version)
    if error:
        fail(error)
