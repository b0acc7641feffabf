"""npm_repository: one pinned npm package, from the registry that npm on this machine is configured for."""

load(":download.bzl", "download")

def _fail(package, sentence):
    fail("\n\n{}: {}\n".format(package, sentence))

def _npm_pack(rctx, package):
    """Downloads the package with npm, and returns the path of the tarball."""
    npm = rctx.which("npm")
    if not npm:
        _fail(package, "npm is missing. Install it: apt-get install npm")
    rctx.file("fresh/.keep")
    result = rctx.execute([npm, "pack", "--loglevel=error", package], working_directory = "fresh", quiet = True)
    if result.return_code:
        _fail(package, "the download from this machine's npm registry failed. Messages of npm:\n" + result.stderr.strip())
    return rctx.path("fresh/" + result.stdout.strip())

def _npm_repository_impl(rctx):
    package = "{}@{}".format(rctx.attr.package, rctx.attr.version)
    sha256 = rctx.attr.sha256
    if not download(rctx, [], "package.tgz", sha256, package):
        tarball = _npm_pack(rctx, package)
        if not download(rctx, ["file://{}".format(tarball)], "package.tgz", sha256, package):
            _fail(package, "the file from the npm registry does not have the pinned sha256 " + sha256)
    rctx.extract("package.tgz", stripPrefix = "package")
    rctx.delete("package.tgz")
    rctx.delete("fresh")
    rctx.file("BUILD.bazel", "exports_files({})\n".format(rctx.attr.exports))

npm_repository = repository_rule(
    doc = "The files of an npm package. npm downloads the package, because only npm's configuration names the registry.",
    implementation = _npm_repository_impl,
    attrs = {
        "exports": attr.string_list(doc = "The files that targets may use.", mandatory = True),
        "package": attr.string(mandatory = True),
        "sha256": attr.string(doc = "The hash of the package's tarball.", mandatory = True),
        "version": attr.string(mandatory = True),
    },
)
