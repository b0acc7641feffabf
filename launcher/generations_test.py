"""Boots our own guest of each generation, 2.6.24 to 4.13, on the software CPU."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

TIME_LIMIT = 60  # seconds; much more than any test takes

# What each rule that a guest breaks ends with (testdata/virtio_guest/breaks.cc).
DEATHS = {
    "hypercall": r"Bad hypercall 11",
    "stack": r"bad stack segment 104",
    "stack-pages": r"bad stack pages 3",
    "second-init": r"already have lguest_data",
    "gate": r"bad IDT type 5",
    "gdt-entry": r"too many gdt entries 3[23]",
    "directory": r"bad read address 0xfffff000 len 4096",
    "table-entry": r"bad page table entry",
    "large-page": r"bad page table entry",
    "notify": r"bad NOTIFY address|rng: notification of a queue that is not enabled",
    "index": r"bad virtqueue: index 257 after 0",
    "head": r"bad virtqueue: descriptor 256 of 256",
    "next": r"bad virtqueue: descriptor 256 of 256",
    "loop": r"bad virtqueue: a chain of more than 256",
    "address": r"bad dma section 0: address 0xfffffffc len 8",
    "high-address": r"bad virtqueue: address 0x100000000",
    "length": r"bad dma section 0",
    "order": r"bad virtqueue: a piece to read after one to write",
    "nested-indirect": r"bad virtqueue: an indirect descriptor",
    "odd-indirect": r"bad virtqueue: an indirect (descriptor|table of 17 bytes)",
    "ring-flags": r"bad virtqueue: flags 0x2",
    "request": r"block .*: a request of (16|24) bytes with 0 for the answer",
}
PCI_DEATHS = {
    "late-features": r"rng: features accepted at the wrong time",
    "enabled-queue": r"rng: change of a queue that is enabled",
    "width": r"rng: access of a wrong width",
    "read-only": r"rng: write to a register that is read-only",
    "instruction": r"instruction at 0x\w+ cannot access device memory",
    "early-enable": r"rng: queue enabled before FEATURES_OK",
    "window": r"console: bad window of PCI configuration",
}
# Tests of the guest for what a generation does not have.
MISSING = {
    "2.6.24": ["irq-pending", "indirect"],
    "2.6.25": ["irq-pending"],
    "2.6.28": ["irq-pending"],
    "2.6.30": ["irq-pending"],
}


def version(kernel):
    return os.path.basename(kernel).removeprefix("vmlinux-")


def run(*args, stdin=b""):
    return subprocess.run(
        [LAUNCHER, "--host=sim", *args], input=stdin, capture_output=True, timeout=TIME_LIMIT, check=False)


class GenerationsTest(unittest.TestCase):
    def setUp(self):
        with tempfile.NamedTemporaryFile(delete=False) as disk:
            disk.truncate(1 << 20)
        self.disk = disk.name
        self.addCleanup(os.unlink, self.disk)

    def boot(self, kernel, *args, stdin=b""):
        return run("--block=" + self.disk, "24", kernel, *args, stdin=stdin)

    def assert_passed(self, result, test):
        self.assertIn(f"PASS {test}\r\n".encode(), result.stdout, result)
        self.assertEqual((result.returncode, result.stderr), (0, b""), result)

    def test_all_tests_of_the_guest_pass(self):
        for kernel in KERNELS:
            with self.subTest(version(kernel)):
                result = self.boot(kernel)
                lines = result.stdout.decode().splitlines()
                self.assertRegex(lines[0], r"^our own guest of Linux \d")
                self.assertEqual([line for line in lines[1:] if not line.startswith(("PASS", "SKIP"))], [], result)
                skipped = [line.removeprefix("SKIP ") for line in lines if line.startswith("SKIP")]
                self.assertEqual(skipped, MISSING.get(version(kernel), []))
                self.assertEqual((result.returncode, result.stderr), (0, b""), result)

    def test_broken_rules_kill_the_guest(self):
        for kernel in KERNELS:
            is_pci = version(kernel).startswith("4.")
            for rule, reason in {**DEATHS, **(PCI_DEATHS if is_pci else {})}.items():
                with self.subTest(version(kernel), rule=rule):
                    if rule == "directory" and version(kernel).endswith("pae"):
                        reason = r"bad read address 0xfffff000 len 32"
                    result = self.boot(kernel, "break=" + rule)
                    self.assertRegex(result.stderr.decode(), f"^lguest: guest died: ({reason})")
                    self.assertEqual(result.returncode, 1, result)

    def test_typed_line_arrives(self):
        for kernel in KERNELS:
            with self.subTest(version(kernel)):
                self.assert_passed(self.boot(kernel, "test=console-in", stdin=b"typed\r"), "console-in")

    def test_restart_starts_the_guest_again_with_all_reset(self):
        for kernel in KERNELS:
            if version(kernel) == "2.6.24":  # has no SHUTDOWN
                continue
            with self.subTest(version(kernel)):
                with open(self.disk, "r+b") as disk:
                    disk.write(bytes(512))
                result = self.boot(kernel, "test=restart")
                self.assert_passed(result, "restart")
                self.assertEqual(result.stdout.count(b"our own guest"), 3)

    def test_once_ends_at_a_restart_with_a_status_of_its_own(self):
        for kernel in KERNELS:
            if version(kernel) in ("2.6.25", "4.13"):
                with self.subTest(version(kernel)):
                    result = run("--once", "--block=" + self.disk, "24", kernel, "test=restart")
                    self.assertEqual(result.returncode, 3, result)
                    self.assertEqual(result.stderr, b"lguest: the guest asked for a restart, which ends it\n")

    def test_guests_of_different_generations_talk_on_a_shared_network(self):
        with tempfile.TemporaryDirectory() as folder:
            net = "--sharenet=" + os.path.join(folder, "net")
            pairs = [("2.6.24", "4.13"), ("4.13-pae", "2.6.32"), ("3.10", "2.6.28")]
            kernels = {version(kernel): kernel for kernel in KERNELS}
            for starter, answerer in pairs:
                with self.subTest(starter, answerer=answerer):
                    command = [LAUNCHER, "--host=sim", net, "24", kernels[answerer], "test=net-answer"]
                    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                          stdin=subprocess.DEVNULL) as other:
                        result = run(net, "24", kernels[starter], "test=net")
                        out, err = other.communicate(timeout=TIME_LIMIT)
                    self.assert_passed(result, "net")
                    self.assertIn(b"PASS net-answer", out, err)

    def test_memory_size_is_free(self):
        kernels = {version(kernel): kernel for kernel in KERNELS}
        for kernel in ("2.6.28", "3.10", "4.13"):
            for megabytes in ("16", "1000", "2944"):
                with self.subTest(kernel, megabytes=megabytes):
                    self.assert_passed(run(megabytes, kernels[kernel], "test=random"), "random")

    def test_verbose_names_what_the_drivers_do(self):
        for kernel in KERNELS:
            with self.subTest(version(kernel)):
                result = run("-v", "24", kernel, "test=boot")
                self.assertRegex(result.stderr.decode(), r"rng: acknowledged, driver found, driver ready|rng: acknowledged")

    def test_stats_count_notifications(self):
        for kernel in KERNELS:
            with self.subTest(version(kernel)):
                result = run("--stats", "24", kernel, "test=random")
                found = re.search(r"exits: 0 for DMA, (\d+) notified", result.stderr.decode())
                self.assertGreater(int(found[1]), 2, result)
                self.assertIn("rng: 0 sent (0 bytes), 1 filled (64 bytes)", result.stderr.decode())


if __name__ == "__main__":
    LAUNCHER = sys.argv[1]
    KERNELS = sys.argv[2:]
    del sys.argv[1:]
    unittest.main()
