#!/bin/bash
# usage: run_clang_tidy.sh REPORT CONFIG HEADER-FILTER PLUGIN SOURCE COMPILER-FLAGS...
#
# Writes the findings to REPORT, which stays empty if there are none. The test of clang_tidy.bzl fails by it, not the build.
set -u
report=$1 config=$2 filter=$3 plugin=$4 source=$5
shift 5
root=external/clang19/usr/lib
export LD_LIBRARY_PATH=$root/x86_64-linux-gnu:$root/llvm-19/lib
if findings=$("$root/llvm-19/bin/clang-tidy" --quiet --config-file="$config" --header-filter="$filter" --load="$plugin" "$source" -- "$@" -isysroot "$PWD" \
  2>"$report.errors"); then
  : >"$report"
else
  # Without findings it is clang-tidy itself that failed, and it says why on stderr. Paths are to be as in the repository,
  # not as in the sandbox.
  findings=${findings:-"$source: $(<"$report.errors")"}
  echo "${findings//"$PWD/"/}" >"$report"
fi
