#!/bin/bash
# usage: run_clang_tidy.sh REPORT CONFIG HEADER-FILTER PLUGIN SOURCE COMPILER-FLAGS...
#
# Writes the findings to REPORT, or leaves it empty if there are none. This script never fails: the test of clang_tidy.bzl
# fails if REPORT is not empty.
set -u
report=$1 config=$2 filter=$3 plugin=$4 source=$5
shift 5
root=external/clang19/usr/lib
export LD_LIBRARY_PATH=$root/x86_64-linux-gnu:$root/llvm-19/lib
if findings=$("$root/llvm-19/bin/clang-tidy" --quiet --config-file="$config" --header-filter="$filter" --load="$plugin" "$source" -- "$@" -isysroot "$PWD" \
  2>"$report.errors"); then
  : >"$report"
else
  # If there are no findings, clang-tidy itself failed and its stderr has the reason. Paths in the report are relative to the
  # repository, not to the sandbox.
  findings=${findings:-"$source: $(<"$report.errors")"}
  echo "${findings//"$PWD/"/}" >"$report"
fi
