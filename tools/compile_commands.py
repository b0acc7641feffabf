#!/usr/bin/python3
"""Writes compile_commands.json at the top of the source tree, for clangd and other tools on clang.

The compiler is gcc, so this replaces the flags that clang does not know or understands differently. Sources of several
targets or platforms have one entry; x86-64 has precedence.
"""

import json
import os
import subprocess
import sys

_SUFFIXES = (".c", ".cc")
_QUERY = 'mnemonic("CppCompile", deps(//...))'

# These flags take the next word as their value. Dependency files and objects are not wanted, and a source includes the
# headers of its prelude itself.
_DROPPED_WITH_VALUE = {"-MF", "-include", "-o"}
_DROPPED = {
    "-MD",
    "-Werror",  # clang's warnings differ from gcc's.
    "-fno-canonical-system-headers",
    "-fpch-deps",
    "-mgeneral-regs-only",  # clang then rejects long double in libstdc++'s headers.
    "-no-canonical-prefixes",
}
_REPLACED = {
    "-nostdinc": ["-nostdlibinc"],
    "-Wconversion": ["-Wconversion", "-Wno-sign-conversion"],  # In C++, gcc's -Wconversion does not include the latter.
}
_DROPPED_PREFIXES = ("-B", "--sysroot=", "-frandom-seed=")

# Headers that belong to the compiler itself. clang has its own, which -nostdlibinc keeps.
_GCC_OWN_HEADERS = "external/gcc12/usr/lib/gcc/"
_CLANG = "external/clang19/usr/lib/llvm-19/bin/clang"


def _resolve(word, output_base, execution_root):
    """Returns `word` with the path in it, if any, usable outside of Bazel."""
    for prefix, folder in (("external/", output_base), ("bazel-out/", execution_root)):
        if word.startswith(prefix):
            return os.path.join(folder, word)
    return word


def _clang_arguments(arguments, resolve):
    """Returns the command line of gcc as one of clang."""
    result = [resolve(_CLANG)]
    words = iter(arguments[1:])
    for word in words:
        if word in _DROPPED_WITH_VALUE:
            next(words)
        elif word in ("-isystem", "-iquote"):
            directory = next(words)
            if not directory.startswith(_GCC_OWN_HEADERS):
                # clang has further warnings, so it must treat all third-party headers as system headers.
                result += ["-isystem" if directory.startswith("external/") else word, resolve(directory)]
        elif word in _REPLACED:
            result += _REPLACED[word]
        elif word not in _DROPPED and not word.startswith(_DROPPED_PREFIXES):
            result.append(resolve(word))
    return result


def convert(aquery, workspace, output_base, execution_root):
    """Returns the entries of compile_commands.json.

    Args:
      aquery: the parsed output of `bazel aquery --output=jsonproto`.
      workspace: the top of the source tree.
      output_base: as in `bazel info`.
      execution_root: as in `bazel info`.
    """
    found = {}
    for action in aquery.get("actions", []):
        arguments = action["arguments"]
        if "-c" not in arguments:
            continue
        source = arguments[arguments.index("-c") + 1]
        if source.startswith(("external/", "bazel-out/")) or not source.endswith(_SUFFIXES):
            continue
        if source not in found or "-m32" in found[source]:
            found[source] = arguments

    def resolve(word):
        return _resolve(word, output_base, execution_root)

    return [
        {"directory": workspace, "file": source, "arguments": _clang_arguments(arguments, resolve)}
        for source, arguments in sorted(found.items())
    ]


def _bazel(workspace, *arguments):
    return subprocess.run(["bazel", *arguments], cwd=workspace, stdout=subprocess.PIPE, text=True, check=True).stdout


def main():
    workspace = os.environ["BUILD_WORKSPACE_DIRECTORY"]
    places = [_bazel(workspace, "info", key).strip() for key in ("output_base", "execution_root")]
    output = _bazel(workspace, "aquery", _QUERY, "--output=jsonproto", "--include_artifacts=false")
    entries = convert(json.loads(output), workspace, *places)
    with open(os.path.join(workspace, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump(entries, file, indent=1)
        file.write("\n")
    print(f"compile_commands.json: {len(entries)} sources")


if __name__ == "__main__":
    try:
        main()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"compile_commands: {error}")
