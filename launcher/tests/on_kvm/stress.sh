#!/bin/sh
# The stress test of our own guest and guests that mean harm, by turns, until so many minutes have gone by or one fails.
#
# usage: stress.sh LAUNCHER KERNEL VILLAINS FILTER MINUTES
launcher=$1
kernel=$2
villains=$3
filter=$4
minutes=$5

end=$(($(date +%s) + minutes * 60))
turns=0
while [ "$(date +%s)" -lt "$end" ]; do
  "$launcher" --host=kvm 64 "$kernel" test=stress repeat=25 < /dev/null || exit
  "$villains" "--gtest_filter=$filter" --gtest_brief=1 --gtest_shuffle || exit
  turns=$((turns + 1))
done
echo "$turns turns without a wrong result"
