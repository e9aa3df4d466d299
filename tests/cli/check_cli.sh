#!/bin/sh
# check_cli.sh FAKE_TOOL: what tools/cli promises for all tools, tried on one that computes nothing.
set -u
tool=$1
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
complain() { echo "FAIL: $*" >&2; failed=1; }

# expect STATUS STDERR_PATTERN ARGS...: one line of standard error, or none where the pattern is empty
expect() {
  status=$1; pattern=$2; shift 2
  got=0
  "$tool" "$@" >out 2>err </dev/null || got=$?
  [ "$got" -eq "$status" ] || complain "'$*' gave status $got, expected $status"
  if [ -z "$pattern" ]; then
    [ ! -s err ] || complain "'$*' said: $(cat err)"
  else
    [ "$(wc -l <err)" -eq 1 ] || complain "'$*' said $(wc -l <err) lines, expected one: $(cat err)"
    grep -qE "$pattern" err || complain "'$*' said '$(cat err)', expected /$pattern/"
  fi
}

# Statuses, each failure one line.
expect 0 ''
expect 2 "^cryosip-fake: error: unrecognised option '--nonsense'. Try 'cryosip-fake --help'.$" --nonsense
expect 2 'error: .*abc.*--steps' --steps abc
expect 2 'error: too many positional' a b
expect 2 'error: --threads: -1 found, expected 0 or more' --threads -1
expect 2 'error: --seed: -1 found' --seed -1
expect 2 "unrecognised option '--step'" --step 3
expect 3 '^cryosip-fake: error: /no/such/file: cannot be opened: No such file' /no/such/file
expect 3 'error: .*: is a directory' "$work"
expect 4 '^cryosip-fake: error: /no/such/folder/x: ' -o /no/such/folder/x
expect 2 'error: here:1: a thing found, expected another' --fail usage
expect 3 '^cryosip-fake: error: here:1: a thing found, expected another$' --fail input
expect 4 'error: here:1' --fail output
expect 5 'error: here:1' --fail numerical
expect 6 'error: here:1' --fail unavailable
expect 5 'error: not enough memory' --fail memory
expect 1 'error: bug: unexpected surprise' --fail bug
got=0; "$tool" </dev/null >/dev/full 2>err || got=$?
[ "$got" -eq 4 ] || complain "a full disk gave $got, expected 4"
grep -q 'standard output: cannot be written: No space left' err || complain "a full disk said: $(cat err)"
expect 4 '/dev/full: cannot be written: No space left' -o /dev/full
[ -c /dev/full ] || complain "-o /dev/full replaced the device"

# Threads in all spellings; the seed is 1 unless told.
expect 0 '' -j 1
expect 0 '' --j 1
expect 0 '' --threads=1
grep -qx 'seed 1' out || complain "the seed was not 1"
expect 0 '' --seed 7
grep -qx 'seed 7' out || complain "--seed 7 did not arrive"

# Streams: a positional that may be left out is standard input, "-" too; provenance can be left out.
echo hello | "$tool" --no-provenance | grep -qx hello || complain "standard input was not read"
echo hello | "$tool" - | grep -qx hello || complain "- is not standard input"
echo hello >in; expect 0 '' in
grep -q '^# cryosip [0-9.]*$' out || complain "no version in the provenance"
grep -q "^# .*in$" out || complain "no command line in the provenance"
expect 0 '' --no-provenance in
grep -q '^#' out && complain "--no-provenance left provenance"

# -o writes over an older file, and a failure leaves the older one.
echo old >kept; expect 3 'error' -o kept --fail input
[ "$(cat kept)" = old ] || complain "a failure touched the older output"
expect 0 '' -o kept in
grep -qx hello kept || complain "-o did not write over the older file"
[ ! -e kept.part ] || complain "kept.part was left"

# Help: groups, defaults without binary digits, on standard output.
expect 0 '' --help
for text in '^Usage: cryosip-fake \[options\] \[IN.star\]' '^Pace:' '--step-size .*' '\[0\.1\]' \
  '-o, --output FILE' '-j, --threads N' '--seed N  ' 'same result \[1\]' 'Copy a file'; do
  grep -qe "$text" out || complain "help lacks $text"
done
[ "$(LC_ALL=C.UTF-8 awk 'length > 80' out)" = "" ] || complain "help has lines over 80 columns"
expect 0 '' --version
grep -qx 'cryosip-fake [0-9.]*' out || complain "--version said $(cat out)"

# The manual is clean and complete.
"$tool" --help-man >page
[ -z "$(groff -man -Tutf8 -ww page 2>&1 >/dev/null)" ] || complain "groff: $(groff -man -Tutf8 -ww page 2>&1 >/dev/null)"
groff -man -Tutf8 page | sed 's/\x1b\[[0-9;]*m//g; s/.\x08//g' >manual
for text in '--steps N' 'default: 0.1' '--threads' '--version' '^EXIT STATUS' '130  *interrupted' \
  '\\back' 'and \.a'; do
  grep -qe "$text" manual || complain "the manual lacks $text"
done

# A closed pipe is a failure, not a crash.
{ got=0; yes | head -c 4000000 | "$tool" 2>err || got=$?; echo "$got" >status; } | head -c 1 >/dev/null
[ "$(cat status)" -eq 4 ] || complain "a closed pipe gave $(cat status), expected 4"

# Ctrl-C and SIGTERM: what is there is written, and the status tells.
for signal in INT TERM; do
  : >err  # what an earlier one said must not be taken for this one's
  "$tool" --steps 500 -o partial </dev/null 2>err &
  running=$!
  tries=0
  until grep -q idling err || [ "$tries" -ge 500 ]; do sleep 0.02; tries=$((tries + 1)); done
  kill -s "$signal" "$running"
  got=0; wait "$running" || got=$?
  [ "$got" -eq 130 ] || complain "SIG$signal gave $got, expected 130"
  grep -qx 'steps fewer' partial || complain "SIG$signal lost what was there"
  grep -qx 'cryosip-fake: interrupted' err || complain "SIG$signal said $(cat err)"
  rm -f partial
done

# Away from a terminal: one line a stage, the note and the warning.
expect_lines() { # expect_lines EXPECTED ARGS...
  wanted=$1; shift
  "$tool" --steps 2 "$@" </dev/null 2>&1 >/dev/null | sed 's/ idling 2.*elapsed.*/ TIMES/' >lines
  [ "$(cat lines)" = "$wanted" ] || complain "'$*' said: $(cat lines)"
}
expect_lines 'cryosip-fake: idling
cryosip-fake: a note
cryosip-fake: warning: a warning'
expect_lines 'cryosip-fake: warning: a warning' --quiet
expect_lines 'cryosip-fake: idling
cryosip-fake: a note
cryosip-fake: warning: a warning
cryosip-fake: TIMES' --verbose

# On a terminal: a bar with the time left, erased at the end.
if command -v script >/dev/null; then
  TERM=xterm script -qec "$tool --steps 30 /dev/null" /dev/null </dev/null >typed
  grep -q 'idling .*/30 (.*%), 0:00 elapsed, 0:.. left, .* steps/s' typed || complain "no bar: $(cat -v typed)"
  grep -q "a warning" typed || complain "the bar hid the warning"
  TERM=dumb script -qec "$tool --steps 30 /dev/null" /dev/null </dev/null | grep -q 'left' &&
    complain "a bar on a dumb terminal"
  # A tool that waits for a person to type a STAR file helps nobody.
  script -qec "$tool" /dev/null </dev/null | grep -q 'standard input is a terminal' ||
    complain "no word about reading from a terminal"
fi
exit "$failed"
