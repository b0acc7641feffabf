# Tests with a real terminal: a serial line with the launcher at one end and the user at the other.

TERMINAL=/dev/ttyS2
USER_END=/dev/ttyS3

# The launcher leads a session with the terminal as controlling terminal.
controlling=-c

settings() {
  stty -g < "$TERMINAL"
}

# Starts a guest on the terminal, as a login shell would, and waits until it has started. Descriptor 4 is the user's end.
start_on_terminal() {
  # clocal: the exit of the launcher must not hang up this end before all is read.
  stty raw -echo clocal < "$USER_END"
  stty sane < "$TERMINAL"
  before=$(settings)
  exec 4<> "$USER_END"
  setsid $controlling "$launcher" 64 "$vmlinux" "$@" < "$TERMINAL" > "$TERMINAL" 2>&1 &
  pid=$!
  wait_for_line "lguest demo kernel*"
}

# Waits for a line that matches $1 on the user's screen.
wait_for_line() {
  while IFS= read -r -t "$LIMIT" line <&4; do
    line=$(echo "$line" | tr -d '\r')
    case $line in
      $1) return ;;
    esac
  done
  fail "'$1' did not appear on the screen"
}

type_keys() {
  printf "$1" >&4
}

expect_raw() {
  for setting in -icanon -isig -ixon -icrnl -echo opost; do
    stty -a < "$TERMINAL" | grep -qw -- "$setting" || fail "the terminal is not $setting: $(settings)"
  done
}

expect_end() {
  status=0
  wait "$pid" || status=$?
  [ "$status" = "$1" ] || fail "exit status $status instead of $1"
  [ "$(settings)" = "$before" ] || fail "the terminal was left as $(settings), it was $before"
}

test_terminal_power_off() {
  start_on_terminal demo
  wait_for_line "Type help for what it can do."
  expect_raw
  # A terminal that is not raw would intercept some of these characters.
  type_keys 'echo \021\023\026it works\r'
  wait_for_line "*it works"
  type_keys 'poweroff\r'
  wait_for_line "Good-bye."
  expect_end 0
}

test_terminal_three_interrupts() {
  start_on_terminal hang
  expect_raw
  type_keys '\003\003\003'
  expect_end 2
}

test_terminal_guest_death() {
  # Linux discards unsent output of a controlling terminal when its session leader exits.
  controlling=
  start_on_terminal die=trap
  wait_for_line "lguest: guest died: unhandled trap 6*"
  expect_end 1
}

test_terminal_launcher_signalled() {
  for signal in TERM HUP; do
    start_on_terminal hang
    expect_raw
    kill -s "$signal" "$pid"
    expect_end "$((128 + $(kill -l "$signal")))"
  done
}
