#!/bin/bash
# Boots our own guest, for a newcomer to talk to; further arguments go to the launcher.
set -eu
launcher=$PWD/$1
kernel=$PWD/$2
shift 2
exec "$launcher" "$@" 64 "$kernel" demo
