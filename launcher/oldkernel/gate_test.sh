#!/bin/sh
# usage: gate_test.sh GATE-CHECK LINUX26
set -e
"$1" new
"$2" "$1" old
