#!/bin/sh
# check_dispatcher.sh CRYOSIP FAKE_TOOL: "cryosip NAME" runs the cryosip-NAME beside it.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/it's here"
cd "$work/it's here" || exit 1
cp "$1" cryosip
cp "$2" cryosip-fake
failed=0
complain() { echo "FAIL: $*" >&2; failed=1; }

expect() { # expect STATUS PATTERN ARGS...: status, and the pattern somewhere in what was said
  status=$1; pattern=$2; shift 2
  got=0
  ./cryosip "$@" >said 2>&1 </dev/null || got=$?
  [ "$got" -eq "$status" ] || complain "'$*' gave status $got, expected $status"
  grep -qe "$pattern" said || complain "'$*' said '$(cat said)', expected /$pattern/"
}

expect 0 '^  fake  *copy text, slowly' --help
expect 0 '^cryosip [0-9.]*$' --version
expect 0 '^# cryosip-fake --seed 3$' fake --seed 3
expect 3 '^cryosip-fake: error: here:1' fake --fail input
expect 2 "^cryosip: error: there is no tool 'fkae', did you mean 'fake'?" fkae
expect 2 "^cryosip: error: there is no tool 'assimilate'. Try" assimilate
expect 2 '^cryosip: error: no tool named'
expect 2 "^cryosip: error: unrecognised option '--wrong'" --wrong
# Found through a link, as /usr/local/bin may hold one.
mkdir links
ln -s ../cryosip links/
links/cryosip fake --version | grep -q '^cryosip-fake' || complain "not found through a link"
./cryosip --help-man >page
[ -z "$(groff -man -Tutf8 -ww page 2>&1 >/dev/null)" ] || complain "groff warns"
exit "$failed"
