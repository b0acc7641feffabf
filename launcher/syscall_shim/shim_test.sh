#!/bin/sh
# usage: shim_test.sh SHIM-CHECK LINUX26
set -e
"$1" new
"$2" "$1" old
