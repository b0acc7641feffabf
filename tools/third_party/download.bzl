"""Downloads files through Bazel's repository cache, which all output bases of a user share."""

def download(rctx, urls, output, sha256, identity):
    """Takes the file with this hash from the repository cache, or else downloads it from `urls` into the cache.

    Args:
      rctx: the repository rule's context.
      urls: addresses to try if the file is not in the cache. Empty: only the cache is tried.
      output: the path to write.
      sha256: the hash that the file must have.
      identity: the canonical id of the file. It contains the version, so a lock file with a new version and an old hash
        does not match a cached file.
    Returns:
      Whether the file exists now.
    """
    return rctx.download(
        url = urls,
        output = output,
        sha256 = sha256,
        canonical_id = identity,
        allow_fail = True,
    ).success
