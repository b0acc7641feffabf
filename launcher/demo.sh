#!/bin/bash
# Boots the demo kernel with its shell. Passes further arguments to the launcher.
set -eu
launcher=$PWD/$1
kernel=$PWD/$2
shift 2
exec "$launcher" "$@" 64 "$kernel" demo
