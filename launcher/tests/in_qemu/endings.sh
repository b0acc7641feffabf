# Tests what a killed launcher leaves behind, and the messages when the machine lacks resources.

test_killed_launcher_leaves_nothing() {
  make_image image
  start killed --block=image --tunnet=10.1.0.1 --sharenet=net 64 "$vmlinux" hang
  [ -n "$(taps)" ] || fail "there is no tap"
  expect_status 66 run --block=image 64 "$vmlinux" test=disk
  kill -KILL "$pid"
  wait "$pid"
  no_trace
  # The locks on the disk and on the network slot are gone.
  expect_status 0 run --block=image --sharenet=net 64 "$vmlinux" test=disk
  expect_line "PASS disk" out.log
}

test_no_memory() {
  overcommit=$(cat /proc/sys/vm/overcommit_memory)
  echo 2 > /proc/sys/vm/overcommit_memory
  status=0
  run 1g "$vmlinux" test=boot || status=$?
  echo "$overcommit" > /proc/sys/vm/overcommit_memory
  [ "$status" = 69 ] || fail "exit status $status instead of 69: $(cat err.log)"
  expect_error "mapping 10[0-9]* bytes of guest memory: Cannot allocate memory"
}

# Real hosts need memory at address 0. Elsewhere these tests are skipped, because most users may not map address 0.
test_memory_from_address_0() {
  "$memory_test" --gtest_filter='*Identity*' > tests.log 2>&1 || fail "exit status $?"
  grep -q '  PASSED  ] [1-9]' tests.log || fail "no test has passed"
  ! grep -q SKIPPED tests.log || fail "tests are skipped: $(grep -m 1 -A 1 'address 0' tests.log)"
}

# The launcher for real hosts, on a kernel without /dev/lguest.
test_launcher_for_i386() {
  launcher=$old_launcher
  expect_status 0 run --version
  expect_line "lguest [0-9.]*" out.log
  expect_status 69 run 64 "$vmlinux" test=boot
  expect_error ".*/dev/lguest.*"
}
