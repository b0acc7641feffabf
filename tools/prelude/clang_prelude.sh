#!/bin/bash
# usage: clang_prelude.sh HEADER OUTPUT COMPILER-FLAGS...
#
# Precompiles HEADER for clang. -relocatable-pch and -isysroot store paths relative to the working directory, because each
# action has another one.
set -eu
header=$1 output=$2
shift 2
root=external/clang19/usr/lib
export LD_LIBRARY_PATH=$root/x86_64-linux-gnu:$root/llvm-19/lib
precompiled=(-Xclang -relocatable-pch -Xclang -fno-pch-timestamp -Xclang -fpch-instantiate-templates)
"$root/llvm-19/bin/clang" "$@" -x c++-header "$header" -o "$output" -isysroot "$PWD" "${precompiled[@]}"
