#!/bin/sh
# Runs each case of these scripts as root in a machine, each in its own directory and shell.
#
# usage: main.sh LAUNCHER OLD_LAUNCHER KERNEL MEMORY_TEST CASE...
#
# A case is a function that returns normally or calls `fail WHY`. Its result is a line "PASS case" or "FAIL case why".
launcher=$PWD/$1
old_launcher=$PWD/$2
vmlinux=$PWD/$3
memory_test=$PWD/$4
shift 4

for script in lib terminal disks networks endings; do
  . "${0%/*}/$script.sh"
done

ip link set lo up
failures=0
for name; do
  directory=$(mktemp -d)
  if (cd "$directory" && "test_$(echo "$name" | tr - _)" && no_trace) > "$directory/out" 2>&1; then
    echo "PASS $name"
  else
    cat "$directory/out"
    for file in "$directory"/*.log; do
      [ -e "$file" ] && echo "--- $file" && cat "$file"
    done
    echo "FAIL $name $(sed -n 's/^fail: //p' "$directory/out" | head -n 1)"
    failures=$((failures + 1))
  fi
  kill_all
done
exit "$((failures > 0))"
