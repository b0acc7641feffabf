"""What a guest with `load=N` (testdata/guest/load.h) does to its disk, and whether a disk is as it must be."""

import array
import re

SECTOR = 512
MOST_SECTORS = 8
_STEP = 7919
_WROTE = re.compile(rb"^wrote (\d+)\r*\n", re.MULTILINE)


class Damage(Exception):
    """A disk has other contents than acknowledged writes."""


def last_acknowledged(screen):
    """Returns the number of the last write whose acknowledgement is on the screen; None if there is none."""
    numbers = _WROTE.findall(screen)
    return int(numbers[-1]) if numbers else None


class Disk:
    """The contents of a guest's disk: which write filled each sector. A new disk is zero."""

    def __init__(self, sectors):
        self._writes = [0] * sectors
        self.next = 1  # the first write of the next guest

    def _sectors_of(self, number):
        start = number * _STEP % (len(self._writes) - MOST_SECTORS)
        return range(start, start + 1 + number % MOST_SECTORS)

    def _apply(self, number):
        for sector in self._sectors_of(number):
            self._writes[sector] = number

    def check(self, contents, acknowledged):
        """Compares `contents` with what the writes from `next` on have made.

        All up to the number `acknowledged` are there. Some further ones may be there whose acknowledgements the launcher still
        had when it was killed, the last of them in part. Updates `next`. Raises Damage.
        """
        if len(contents) != len(self._writes) * SECTOR:
            raise Damage(f"the disk has {len(contents)} bytes, and had {len(self._writes) * SECTOR}")
        words = array.array("I")
        words.frombytes(contents)
        per_sector = SECTOR // words.itemsize
        found = []
        for sector in range(len(self._writes)):
            values = set(words[sector * per_sector : (sector + 1) * per_sector])
            if len(values) != 1:
                raise Damage(f"sector {sector} has parts of several writes: {sorted(values)[:3]}")
            found.append(values.pop())
        while self.next <= (acknowledged or 0):
            self._apply(self.next)
            self.next += 1
        # A write is complete if one of its sectors shows it, and a later one has begun.
        latest = max(found)
        while self.next < latest:
            self._apply(self.next)
            self.next += 1
        begun = self.next if self.next == latest else None
        for sector, number in enumerate(found):
            may_be_new = begun is not None and number == begun and sector in self._sectors_of(begun)
            if number != self._writes[sector] and not may_be_new:
                raise Damage(f"sector {sector} shows write {number}, and must show {self._writes[sector]}")
        if begun is not None:
            for sector in self._sectors_of(begun):
                self._writes[sector] = found[sector]
            self.next += 1
