"""Debugs our own guest through gdb's remote protocol, forwards and backwards."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

TIME_LIMIT = 60  # seconds; much more than any test takes
ESP, EIP = 4, 8  # numbers of registers


class Client:
    """What gdb does. Usage: with Client("--option", ..., "64", KERNEL) as gdb: ..."""

    def __init__(self, *args):
        self.folder = tempfile.TemporaryDirectory()
        path = os.path.join(self.folder.name, "gdb")
        self.process = subprocess.Popen([LAUNCHER, "--gdb=unix:" + path, *args], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIME_LIMIT)
        deadline = time.monotonic() + TIME_LIMIT
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.01)  # the launcher has not opened its socket yet
        self.buffer = b""
        assert self.ask("QStartNoAckMode") == "OK"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()

    def send(self, body):
        self.socket.sendall(b"$%s#%02x" % (body.encode(), sum(body.encode()) % 256))

    def receive(self):
        while self.buffer.count(b"#") == 0 or len(self.buffer) < self.buffer.index(b"#") + 3:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        end = self.buffer.index(b"#")
        body = self.buffer[:end].lstrip(b"+")[1:].decode()
        self.buffer = self.buffer[end + 3:]
        return body

    def ask(self, body):
        self.send(body)
        return self.receive()

    def registers(self):
        return self.ask("g")

    def eip(self):
        return int.from_bytes(bytes.fromhex(self.registers()[8 * EIP:8 * EIP + 8]), "little")

    def memory(self, address, size):
        return bytes.fromhex(self.ask(f"m{address:x},{size:x}"))

    def monitor(self, command):
        return bytes.fromhex(self.ask("qRcmd," + command.encode().hex())).decode()

    def count(self):
        return int(self.monitor("instructions").split()[0])

    def step(self, times=1):
        for _ in range(times):
            reply = self.ask("s")
            assert reply.startswith("T05"), reply


def children_of(pid):
    listing = subprocess.run(["ps", "--no-headers", "-o", "pid", "--ppid", str(pid)], capture_output=True, check=False)
    return [int(word) for word in listing.stdout.split()]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class ForwardTest(unittest.TestCase):
    def test_guest_waits_at_its_first_instruction(self):
        with Client("64", VMLINUX, "test=boot") as gdb:
            self.assertEqual(gdb.count(), 0)
            self.assertTrue(gdb.ask("?").startswith("T05"))
            gdb.step()
            self.assertEqual(gdb.count(), 1)

    def test_breakpoint_stops_before_its_instruction(self):
        with Client("64", VMLINUX, "test=boot") as gdb:
            gdb.step(20)
            place = gdb.eip()
            gdb.step(5)
            self.assertEqual(gdb.ask("bc")[:3], "T05")
            self.assertEqual(gdb.count(), 0)
            self.assertEqual(gdb.ask(f"Z0,{place:x},1"), "OK")
            self.assertTrue(gdb.ask("c").startswith("T05"))
            self.assertEqual(gdb.eip(), place)
            self.assertLessEqual(gdb.count(), 20)

    def test_debugged_run_is_the_deterministic_run(self):
        with tempfile.TemporaryDirectory() as folder:
            plain = os.path.join(folder, "plain")
            debugged = os.path.join(folder, "debugged")
            args = ("64", VMLINUX, "test=boot,page-tables")
            subprocess.run([LAUNCHER, "--deterministic", "--stats=" + plain, *args], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, timeout=TIME_LIMIT, check=True)
            with Client("--stats=" + debugged, *args) as gdb:
                gdb.step(100)
                gdb.ask("bs")
                gdb.ask("bc")
                self.assertEqual(gdb.ask("D"), "OK")
                self.assertEqual(gdb.process.wait(TIME_LIMIT), 0)
            with open(plain, encoding="utf-8") as first, open(debugged, encoding="utf-8") as second:
                self.assertEqual([line for line in first if "fingerprint" in line],
                                 [line for line in second if "fingerprint" in line])

    def test_running_guest_is_interrupted(self):
        with Client("64", VMLINUX, "hang") as gdb:
            gdb.send("c")
            gdb.socket.sendall(b"\x03")
            self.assertTrue(gdb.receive().startswith("T02"))
            self.assertGreater(gdb.count(), 0)

    def test_memory_and_registers_are_read_only(self):
        with Client("64", VMLINUX, "test=boot") as gdb:
            before = gdb.registers()
            for packet in ("M0,1:00", "G" + "0" * 8, "P8=00000000", "X0,0:"):
                self.assertEqual(gdb.ask(packet)[0], "E", packet)
            self.assertEqual(gdb.registers(), before)
            self.assertEqual(gdb.ask("mfffffff0,4")[0], "E")
            self.assertIn("is outside of the guest's", gdb.monitor("phys ffffffff"))

    def test_killed_by_gdb(self):
        with Client("64", VMLINUX, "hang") as gdb:
            gdb.send("k")
            self.assertEqual(gdb.process.wait(TIME_LIMIT), 2)


class BackwardTest(unittest.TestCase):
    def test_step_back_undoes_a_step(self):
        with Client("64", VMLINUX, "test=boot") as gdb:
            seen = []
            for _ in range(60):
                seen.append(gdb.registers())
                gdb.step()
            for registers in reversed(seen):
                self.assertTrue(gdb.ask("bs").startswith("T05"))
                self.assertEqual(gdb.registers(), registers)
            self.assertEqual(gdb.ask("bs"), "T05thread:1;replaylog:begin;")

    def test_places_are_the_same_forwards_backwards_and_by_number(self):
        with Client("64", VMLINUX, "test=boot,page-tables,timer") as gdb:
            self.assertTrue(gdb.ask("c").startswith("T06"))  # to the end
            end = gdb.count()
            places = sorted(random.Random(1).sample(range(1, end), 20))
            stack = 0xc0000000 + 0x100000
            found = {}
            for place in reversed(places):
                self.assertIn(f"at instruction {place};", gdb.monitor(f"at {place}"))
                found[place] = (gdb.registers(), gdb.memory(stack, 4096))
            for place in places:
                self.assertIn(f"at instruction {place - 1};", gdb.monitor(f"at {place - 1}"))
                gdb.step()
                self.assertEqual((gdb.registers(), gdb.memory(stack, 4096)), found[place], place)
            for place in places:
                gdb.monitor(f"at {min(place + 1, end)}")
                gdb.ask("bs")
                self.assertEqual((gdb.registers(), gdb.memory(stack, 4096)), found[place], place)

    def test_watched_store_is_found_backwards(self):
        with Client("64", VMLINUX, "test=boot") as gdb:
            self.assertTrue(gdb.ask("c").startswith("T06"))
            end = gdb.count()
            gdb.monitor(f"at {end - 1000}")
            # The top of the stack, which the guest writes to again and again.
            esp = int.from_bytes(bytes.fromhex(gdb.registers()[8 * ESP:8 * ESP + 8]), "little")
            value = gdb.memory(esp, 4)
            self.assertEqual(gdb.ask(f"Z2,{esp:x},4"), "OK")
            self.assertTrue(gdb.ask("bc").startswith(f"T05thread:1;watch:{esp:x}"))
            store = gdb.count()
            self.assertLess(store, end - 1000)
            gdb.step()
            self.assertEqual(gdb.memory(esp, 4), value)
            # The same store from the other side, and from the present.
            gdb.ask("bs")
            self.assertTrue(gdb.ask("c").startswith(f"T05thread:1;watch:{esp:x}"))
            self.assertEqual(gdb.count(), store + 1)
            self.assertTrue(gdb.ask("bc").startswith(f"T05thread:1;watch:{esp:x}"))
            self.assertEqual(gdb.count(), store)

    def test_continue_past_the_end_of_history_goes_on_live(self):
        with Client("64", VMLINUX, "test=boot") as gdb:
            gdb.step(100)
            for _ in range(3):
                gdb.ask("bs")
            gdb.step(5)
            self.assertEqual(gdb.count(), 102)
            self.assertTrue(gdb.ask("c").startswith("T06"))
            self.assertEqual(gdb.ask("c"), "W00")
            self.assertEqual(gdb.process.wait(TIME_LIMIT), 0)

    def test_replay_can_be_debugged(self):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "log")
            subprocess.run([LAUNCHER, "--record=" + log, "64", VMLINUX, "test=console-in"], input=b"a line of input\r",
                           stdout=subprocess.DEVNULL, timeout=TIME_LIMIT, check=True)
            with Client("--replay=" + log) as gdb:
                self.assertTrue(gdb.ask("c").startswith("T06"))
                end = gdb.count()
                gdb.ask("bs")
                self.assertEqual(gdb.count(), end - 1)
                self.assertTrue(gdb.ask("c").startswith("T06"))
                self.assertEqual(gdb.ask("D"), "OK")
                self.assertEqual(gdb.process.wait(TIME_LIMIT), 0)
                self.assertIn(b"PASS console-in", gdb.process.stdout.read())


class ProcessTest(unittest.TestCase):
    def wait_until_gone(self, pids):
        deadline = time.monotonic() + TIME_LIMIT
        while any(is_running(pid) for pid in pids):
            self.assertLess(time.monotonic(), deadline, pids)
            time.sleep(0.01)

    def test_no_process_outlives_a_killed_launcher(self):
        with Client("64", VMLINUX, "test=boot") as gdb:
            gdb.step(50_000 // 1000)
            gdb.ask("bs")
            processes = children_of(gdb.process.pid)
            processes += [pid for child in processes for pid in children_of(child)]
            self.assertGreaterEqual(len(processes), 2)
            os.kill(gdb.process.pid, signal.SIGKILL)
            self.wait_until_gone(processes)

    def test_guest_runs_on_if_gdb_vanishes(self):
        for goes_back in (False, True):
            with self.subTest(goes_back=goes_back), Client("64", VMLINUX, "test=boot") as gdb:
                gdb.step(10)
                if goes_back:
                    gdb.ask("bs")
                gdb.socket.close()
                self.assertEqual(gdb.process.wait(TIME_LIMIT), 0)
                self.assertIn(b"PASS boot", gdb.process.stdout.read())

    def test_killed_worker_brings_gdb_back_to_the_present(self):
        with Client("64", VMLINUX, "test=boot") as gdb:
            gdb.step(10)
            gdb.ask("bs")
            self.assertEqual(gdb.count(), 9)
            checkpoints = children_of(gdb.process.pid)
            workers = [pid for child in checkpoints for pid in children_of(child)]
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
            self.assertTrue(gdb.receive().startswith("T05"))
            self.assertEqual(gdb.count(), 10)

    def test_bad_options(self):
        for value in ("0", "65536", "x", "unix:", "unix:" + "x" * 200):
            result = subprocess.run([LAUNCHER, "--gdb=" + value, "64", VMLINUX], stdin=subprocess.DEVNULL,
                                    capture_output=True, timeout=TIME_LIMIT, check=False)
            self.assertEqual((result.returncode, result.stderr.count(b"\n")), (64, 1), result)


if __name__ == "__main__":
    LAUNCHER, VMLINUX = (os.path.realpath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
