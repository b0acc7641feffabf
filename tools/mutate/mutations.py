"""Reads the lists of mutations, `*.mutations`. An entry is a head line, the fragment of the source, and what replaces it:

    devices/bus/dma_chain.cc limit
    -  while (count < kMaxDmaSections) {
    +  while (count <= kMaxDmaSections) {

The head is a file and one word for the kind of fault. A fragment is a part of the file that occurs exactly once; several
lines of `-` are consecutive lines. Without `+` the fragment is removed. A line `lives: REASON` is for a mutation that no
test can see. Empty lines separate entries; lines of `#` are comments.
"""

import dataclasses
import re

_HEAD = re.compile(r"^([\w/.]+) ([\w-]+)$")


class ListError(Exception):
    """An entry is malformed, or does not fit its source file."""


@dataclasses.dataclass
class Mutation:
    """One change of one file."""

    place: str  # of the entry, as LIST:LINE
    path: str
    kind: str
    fragment: str
    replacement: str
    reason_to_live: str

    @property
    def package(self):
        return self.path.rpartition("/")[0]

    def apply(self, text):
        """Returns `text`, which is that of the file, with this mutation."""
        count = text.count(self.fragment)
        if count != 1:
            raise ListError(f"{self.place}: the fragment occurs {count} times in {self.path}, and must occur once:\n{self.fragment}")
        return text.replace(self.fragment, self.replacement)


def _parse_entry(place, lines):
    head = _HEAD.match(lines[0])
    if not head:
        raise ListError(f"{place}: '{lines[0]}' is not a file and a kind")
    parts = {"-": [], "+": []}
    reason = ""
    for line in lines[1:]:
        if line.startswith("lives: "):
            reason = line[len("lives: ") :]
        elif line[0] in parts:
            parts[line[0]].append(line[1:])
        else:
            raise ListError(f"{place}: '{line}' begins with neither '-', '+' nor 'lives:'")
    fragment, replacement = ("\n".join(parts[sign]) for sign in "-+")
    if not fragment or fragment == replacement:
        raise ListError(f"{place}: nothing is replaced")
    return Mutation(place, head[1], head[2], fragment, replacement, reason)


def parse(name, text):
    """Returns the mutations of the list `text`. `name` is the list's, for messages."""
    mutations = []
    entry = []
    for number, line in enumerate(text.splitlines() + [""], start=1):
        if line.startswith("#"):
            continue
        if line:
            entry.append(line)
        elif entry:
            mutations.append(_parse_entry(f"{name}:{number - len(entry)}", entry))
            entry = []
    return mutations
