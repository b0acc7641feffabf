"""A real Linux that writes to an ext2 file system and gets SIGKILL: what it had synced is there.

The user names kernel and initrd. The initrd starts a shell on the console, with mount, mke2fs, sync and cat.
"""

import os
import re
import signal

from tools.soak.launcher import Launcher, Left, check_unlocked

_FILES = 20
_IMAGE_BYTES = 4 << 20
_LONGEST_LIFE = 1.0  # seconds after the first sync
_PROMPT = re.compile(rb"# $")
_SYNCED = re.compile(rb"^synced (\d+)\r*\n", re.MULTILINE)
_FILE = re.compile(rb"^file (\d+) is (\d*)\r*\n", re.MULTILINE)
_VERIFIED = re.compile(rb"^verified 2\r*\n", re.MULTILINE)


class Files:
    """What the files of the file system must contain: the number of the write, or None while there is no such file."""

    def __init__(self):
        self._expected = [None] * _FILES
        self.next = 0

    def check(self, found, synced):
        """Compares {file: number, or None if it is empty} with the writes from `next` on. Raises Left.

        All up to `synced` are there. Some further ones may be there whose lines the launcher still had when it was killed. Each
        was synced before the next one began, which may have truncated its file.
        """
        last = max([number for number in found.values() if number is not None] + [self.next - 1, -1 if synced is None else synced])
        for number in range(self.next, last + 1):
            self._expected[number % _FILES] = number
        self.next = last + 1
        for file, expected in enumerate(self._expected):
            if found.get(file) != expected and not (found.get(file) is None and file == self.next % _FILES):
                raise Left(f"file {file} has {found.get(file)}, and must have {expected}; synced: {synced}")
            self._expected[file] = found.get(file)


class LinuxSoak:
    def __init__(self, launcher, kernel, initrd, directory, random_source):
        self._image = os.path.join(directory, "ext2")
        with open(self._image, "wb") as file:
            file.truncate(_IMAGE_BYTES)
        command = [launcher, "--host=sim", "--block=" + self._image, "--initrd=" + initrd, "64", kernel, "console=hvc0"]
        self._start = lambda: Launcher(command)
        self._random = random_source
        self._files = Files()
        self._synced = None
        self._guest = self._boot()
        self._command("mke2fs /dev/lgba >/dev/null 2>&1 && mount -t ext2 /dev/lgba /mnt && echo verified $((1+1))", _VERIFIED)

    def _boot(self):
        guest = self._start()
        guest.wait_for(_PROMPT)
        return guest

    def _command(self, text, answer):
        start = len(self._guest.screen)
        self._guest.type(text + "\r")
        self._guest.wait_for(answer, start)
        return self._guest.screen[start:]

    def kill_one(self):
        """Lets Linux write, kills it, boots it again and looks at the files. Returns how many writes were synced."""
        first = self._files.next
        loop = f'i={first}; while :; do echo $i > /mnt/$((i%{_FILES})); sync; echo "synced" $i; i=$((i+1)); done'
        self._command(loop, _SYNCED)
        self._guest.watch(self._random.uniform(0, _LONGEST_LIFE))
        self._guest.end(signal.SIGKILL)
        self._guest.examine()
        check_unlocked(self._image)
        synced = int(_SYNCED.findall(self._guest.screen)[-1])
        self._guest = self._boot()
        read = f'f=0; while [ $f -lt {_FILES} ]; do [ -e /mnt/$f ] && echo "file" $f is $(cat /mnt/$f); f=$((f+1)); done'
        screen = self._command(f"mount -t ext2 /dev/lgba /mnt; {read}; echo verified $((1+1))", _VERIFIED)
        self._files.check({int(file): int(number) if number else None for file, number in _FILE.findall(screen)}, synced)
        return synced + 1 - first

    def finish(self):
        """Ends Linux in order."""
        if self._guest.end(signal.SIGTERM) != -signal.SIGTERM:
            raise Left(f"status {self._guest.process.returncode} after SIGTERM")
        self._guest.examine()

    def abandon(self):
        """Kills what still runs."""
        self._guest.process.kill()
        self._guest.process.wait()
