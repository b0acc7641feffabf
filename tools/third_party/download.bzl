"""Downloads through Bazel's repository cache, which all output bases of a user share."""

def download(rctx, urls, output, sha256, identity):
    """Takes the file with this hash from the repository cache, or else from `urls` and into the cache.

    Args:
      rctx: the repository rule's context.
      urls: where to look if the cache does not have it; none to look in the cache only.
      output: the path to write.
      sha256: the hash that the file must have.
      identity: what the file is. A lock file whose version was changed, but not the hash, gets nothing from the cache.
    Returns:
      Whether the file is there now.
    """
    return rctx.download(
        url = urls,
        output = output,
        sha256 = sha256,
        canonical_id = identity,
        allow_fail = True,
    ).success
