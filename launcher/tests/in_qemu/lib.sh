# What the cases share.

LIMIT=100 # seconds; far more than anything here takes

fail() {
  echo "fail: $*"
  exit 1
}

# Runs a guest to its end, with output in out.log and the launcher's words in err.log, and returns the launcher's status.
run() {
  timeout -s KILL "$LIMIT" "$launcher" "$@" < /dev/null > out.log 2> err.log
}

# Starts a guest in the background, with the same files named after $1, and waits until its kernel is up. $pid is its process.
start() {
  name=$1
  shift
  mkfifo "$name.pipe"
  "$launcher" "$@" < /dev/null > "$name.pipe" 2> "$name.err.log" &
  pid=$!
  exec 3< "$name.pipe"
  rm "$name.pipe"
  IFS= read -r line <&3 || fail "the guest $name did not start: $(cat "$name.err.log")"
  case $line in
    "lguest demo kernel"*) ;;
    *) fail "the guest $name began with: $line" ;;
  esac
  cat <&3 > "$name.log" &
  exec 3<&-
}

# expect_status STATUS COMMAND...
expect_status() {
  wanted=$1
  shift
  status=0
  "$@" || status=$?
  [ "$status" = "$wanted" ] || fail "exit status $status instead of $wanted: $(head -n 1 err.log)"
}

# expect_line PATTERN FILE: a line of the file is the pattern.
expect_line() {
  tr -d '\r' < "$2" | grep -qx -- "$1" || fail "no line '$1' in $2: $(tail -n 1 "$2")"
}

# The launcher said one line, and this one.
expect_said() {
  [ "$(wc -l < err.log)" = 1 ] || fail "the launcher said $(wc -l < err.log) lines: $(cat err.log)"
  expect_line "lguest: $1" err.log
}

expect_silence() {
  [ ! -s "$1" ] || fail "the launcher said: $(cat "$1")"
}

taps() {
  for path in /sys/class/net/tap*; do
    [ -e "$path" ] && echo "${path##*/}"
  done
  true
}

launchers() {
  for path in /proc/[0-9]*; do
    case $(readlink "$path/exe") in
      "$launcher" | "$old_launcher") echo "${path##*/}" ;;
    esac
  done
}

# No case leaves any of this, however its guests ended.
no_trace() {
  [ -z "$(taps)" ] || fail "taps are left: $(taps)"
  [ -z "$(launchers)" ] || fail "launchers are left: $(launchers)"
}

kill_all() {
  for pid in $(launchers); do kill -KILL "$pid"; done
}
