# Functions that all cases use.

LIMIT=100 # seconds; much longer than any step takes

fail() {
  echo "fail: $*"
  exit 1
}

# Runs a guest to its end and returns the launcher's status. The console goes to out.log, the launcher's messages go to
# err.log.
run() {
  timeout -s KILL "$LIMIT" "$launcher" "$@" < /dev/null > out.log 2> err.log
}

# Starts a guest in the background and waits until its kernel has started. Its output goes to $1.log and $1.err.log, and $pid
# is its process.
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

# expect_line PATTERN FILE: checks that a line of the file matches the pattern.
expect_line() {
  tr -d '\r' < "$2" | grep -qx -- "$1" || fail "no line '$1' in $2: $(tail -n 1 "$2")"
}

# Checks that the launcher printed exactly this line.
expect_error() {
  [ "$(wc -l < err.log)" = 1 ] || fail "the launcher printed $(wc -l < err.log) lines: $(cat err.log)"
  expect_line "lguest: $1" err.log
}

expect_silence() {
  [ ! -s "$1" ] || fail "the launcher printed: $(cat "$1")"
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

# Checks that no taps and launchers are left.
no_trace() {
  [ -z "$(taps)" ] || fail "taps are left: $(taps)"
  [ -z "$(launchers)" ] || fail "launchers are left: $(launchers)"
}

kill_all() {
  for pid in $(launchers); do kill -KILL "$pid"; done
}
