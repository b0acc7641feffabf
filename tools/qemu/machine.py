"""Makes the initramfs and the QEMU command line of a machine that a Bazel rule describes.

The description is a JSON object:

    kernel        path of the kernel (bzImage, or another format that QEMU boots)
    flags         {Bazel flag: path from the user, or ""}, for files that the user supplies
    module_tree   directory of the kernel's modules
    modules       names of the modules to load
    init          path of the program built from init.cc
    busybox       path of a static busybox
    qemu          directory of the unpacked QEMU packages
    files         {path in the machine: path here}; a directory includes everything below it
    environment   {name: value} for the program
    directory     working directory of the program
    command       path of the program in the machine, then its arguments
    passes        names of tests that the program must report
    cpu, memory   values of QEMU's -cpu and -m
    disks         sizes, each with K, M or G
    disk_bus      "virtio" or "ide"
    tty           whether the program has the console as its controlling terminal
    null_modem    whether /dev/ttyS2 and /dev/ttyS3 are connected to each other
    kernel_args   additional words of the kernel's command line
    qemu_args     additional arguments of QEMU
"""

import os
import stat
import subprocess

from tools.qemu import cpio, kernel_modules

# For a kernel without devtmpfs, and for output before init mounts it.
_NODES = {
    "dev/console": (5, 1),
    "dev/null": (1, 3),
    "dev/zero": (1, 5),
    "dev/random": (1, 8),
    "dev/urandom": (1, 9),
    "dev/tty": (5, 0),
    "dev/ptmx": (5, 2),
    "dev/ttyS0": (4, 64),
    "dev/ttyS1": (4, 65),
    "dev/ttyS2": (4, 66),
    "dev/ttyS3": (4, 67),
    "dev/net/tun": (10, 200),
}

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class MachineError(Exception):
    """The error, in one sentence for the user."""


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _plan(description, modules):
    """Returns the text of /plan. init.cc documents the format."""
    lines = ["module /modules/" + os.path.basename(module) for module in modules]
    lines += [f"environment {name}={value}" for name, value in description["environment"].items()]
    lines += ["directory " + description["directory"]]
    lines += ["tty"] if description["tty"] else []
    words = description["command"]
    if any("\n" in word for word in words):
        raise MachineError(f"an argument of the program must not contain a newline: {words}")
    return "\n".join(lines + ["argument " + word for word in words] + [""])


def _add_tree(archive, target, source):
    if not os.path.isdir(source):
        archive.file(target, _read(source))
        return
    for name in sorted(os.listdir(source)):
        _add_tree(archive, f"{target}/{name}", os.path.join(source, name))


def write_initramfs(description, output):
    """Writes the machine's initramfs to the binary file `output`. Raises MachineError or OSError."""
    archive = cpio.Writer(output)
    for directory in ("dev", "proc", "sys", "tmp", "root", "etc", "var", "run", "sbin", "usr/bin", "usr/sbin"):
        archive.directory(directory)
    archive.directory(description["directory"].lstrip("/"))
    for path, (major, minor) in _NODES.items():
        archive.device(path, stat.S_IFCHR, major, minor)
    modules = []
    if description["modules"]:
        try:
            modules = kernel_modules.ModuleTree(description["module_tree"]).in_order(description["modules"])
        except kernel_modules.ModuleError as error:
            raise MachineError(str(error)) from error
    for module in modules:
        archive.file("modules/" + os.path.basename(module), _read(module))
    archive.file("init", _read(description["init"]))
    archive.file("bin/busybox", _read(description["busybox"]))
    applets = subprocess.run([description["busybox"], "--list"], capture_output=True, text=True, check=True).stdout
    for applet in applets.split():
        if applet != "busybox":
            archive.symlink("bin/" + applet, "busybox")
    for target, source in sorted(description["files"].items()):
        _add_tree(archive, target.lstrip("/"), source)
    archive.file("plan", _plan(description, modules).encode())
    archive.close()


def disk_size(text):
    """Returns the size of a disk in bytes, from an item of `disks`. Raises MachineError."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdigit() or int(number) == 0:
        raise MachineError(f"the size of a disk must be a number with K, M or G, as in 64M, not {text!r}")
    return int(number) * _UNITS[unit]


def qemu_command(description, initramfs, disks, sockets):
    """Returns the command line of QEMU.

    Args:
      description: the description of the machine.
      initramfs: file descriptor of the initramfs.
      disks: file descriptors of the disks.
      sockets: connected sockets for the serial lines, the console first.
    """
    root = description["qemu"]
    libraries = [f"{root}/{folder}/x86_64-linux-gnu" for folder in ("lib", "usr/lib")]
    words = [f"{libraries[0]}/ld-linux-x86-64.so.2", "--library-path", ":".join(libraries), f"{root}/usr/bin/qemu-system-x86_64"]
    words += ["-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
    # QEMU's emulated SVM needs one thread for all virtual CPUs.
    words += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "pc", "-accel", "tcg,thread=single"]
    words += ["-cpu", description["cpu"], "-m", description["memory"]]
    words += ["-kernel", description["kernel"], "-initrd", f"/proc/self/fd/{initramfs}"]
    words += ["-append", " ".join(["console=ttyS0", "quiet", "panic=-1", "mitigations=off", *description["kernel_args"]])]
    for number, socket in enumerate(sockets):
        words += ["-chardev", f"socket,id=line{number},fd={socket.fileno()}", "-serial", f"chardev:line{number}"]
    for disk in disks:
        drive = f"file=/proc/self/fd/{disk},format=raw,cache=unsafe,file.locking=off"
        words += ["-drive", f"{drive},if={description['disk_bus']}"]
    return words + description["qemu_args"]


def qemu_environment(description):
    return {"QEMU_MODULE_DIR": f"{description['qemu']}/usr/lib/x86_64-linux-gnu/qemu", "TMPDIR": "/tmp"}
