# Tests with networks: with the kernel's network stack at the other end, and among guests.

test_tap_ping_from_guest() {
  expect_status 0 run --tunnet=10.1.0.1/24 64 "$vmlinux" test=net ip=10.1.0.2 gw=10.1.0.1
  expect_line "PASS net" out.log
  expect_silence err.log
}

test_tap_ping_from_host() {
  start answering --tunnet=10.1.0.1/24 64 "$vmlinux" test=net-answer ip=10.1.0.2
  tap=$(taps)
  ip address show dev "$tap" > address.log
  grep -q "inet 10.1.0.1/24 " address.log || fail "the address is: $(cat address.log)"
  ping -c 4 10.1.0.2 > ping.log || fail "no answer to $(grep -o '[0-9]*% packet loss' ping.log) of the pings"
  wait "$pid" || fail "exit status $?"
  expect_line "PASS net-answer" answering.log
}

test_bridge_of_two_taps() {
  ip link add br0 type bridge || fail "cannot create a bridge"
  echo 0 > /sys/class/net/br0/bridge/forward_delay
  ip link set br0 up
  start answering --tunnet=bridge:br0 64 "$vmlinux" test=net-answer ip=10.2.0.2
  expect_status 0 run --tunnet=bridge:br0 64 "$vmlinux" test=net ip=10.2.0.1 gw=10.2.0.2
  expect_line "PASS net" out.log
  wait "$pid" || fail "exit status $?"
  expect_line "PASS net-answer" answering.log
  [ -z "$(ls /sys/class/net/br0/brif)" ] || fail "the bridge still has: $(ls /sys/class/net/br0/brif)"
  ip link delete br0
}

test_no_bridge() {
  expect_status 66 run --tunnet=bridge:br7 64 "$vmlinux" hang
  expect_error "--tunnet=bridge:br7: bridge br7 does not exist (ip link add br7 type bridge)"
}

test_shared_net_of_two_guests() {
  start answering --sharenet=net 64 "$vmlinux" test=net-answer ip=10.3.0.2
  expect_status 0 run --sharenet=net 64 "$vmlinux" test=net ip=10.3.0.1 gw=10.3.0.2
  expect_line "PASS net" out.log
  wait "$pid" || fail "exit status $?"
  expect_line "PASS net-answer" answering.log
  [ -z "$(find . -type s)" ] || fail "sockets are left: $(find . -type s)"
}
