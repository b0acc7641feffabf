#!/bin/sh
# Alternates the stress test of our own guest and the attack tests, until MINUTES have passed or one fails.
#
# usage: stress.sh LAUNCHER KERNEL ATTACK_TESTS FILTER MINUTES
launcher=$1
kernel=$2
attack_tests=$3
filter=$4
minutes=$5

end=$(($(date +%s) + minutes * 60))
rounds=0
while [ "$(date +%s)" -lt "$end" ]; do
  "$launcher" --host=kvm 64 "$kernel" test=stress repeat=25 < /dev/null || exit
  "$attack_tests" "--gtest_filter=$filter" --gtest_brief=1 --gtest_shuffle || exit
  rounds=$((rounds + 1))
done
echo "$rounds rounds without a failure"
