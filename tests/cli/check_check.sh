#!/bin/sh
# check_check.sh TOOL_DIR TESTDATA: what cryosip-check says of sound and unsound data sets.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

cat >mixture.star <<'MIXTURE'
data_sip_mixture

loop_
_sipWeight #1
_sipMean1 #2
_sipSigma1 #3
1 0 1

MIXTURE
cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 1 -o modes.nmd || exit 1
cryosip-simulate --quiet --no-provenance --model modes.nmd --mixture mixture.star --count 8 --box 32 \
  --angpix 4.5 --noise-sigma 1 -o p || exit 1
row=$(grep -n '@' p.star | head -1 | cut -d : -f 1)

# expect STATUS STDERR_PATTERN ARGS...: one line of standard error, or none where the pattern is empty
expect() {
  status=$1; pattern=$2; shift 2
  got=0
  cryosip-check --quiet --no-provenance "$@" >out 2>err </dev/null || got=$?
  [ "$got" -eq "$status" ] || complain "'$*' gave status $got, expected $status: $(cat err)"
  if [ -z "$pattern" ]; then
    [ ! -s err ] || complain "'$*' said: $(cat err)"
  else
    [ "$(wc -l <err)" -eq 1 ] || complain "'$*' said: $(cat err)"
    grep -qE "^cryosip-check: $pattern" err || complain "'$*' said '$(cat err)', expected /$pattern/"
  fi
}
reports() { # reports PATTERN...: each in the report
  for wanted in "$@"; do
    grep -qE "$wanted" out || complain "the report lacks /$wanted/: $(cat out)"
  done
}

expect 0 '' p.star
reports '^_sipContrast +(bright|unclear)$' '^_sipImages +8$' '^_sipBox +32$' '^_sipPixelSize +4.5$' '^_sipPoses +given$' '^_sipCtf +given$' \
  '^p.mrcs p.mrcs 8$' '^opticsGroup1 4.5 32 8$'
if grep -qE '^(error|warning)' out; then complain "faults in a sound data set: $(cat out)"; fi
mv out first
expect 0 '' p.star -o report.star
cmp first report.star || complain "-o gave another report than standard output"

# Warnings leave the status 0; errors make it 3, with the report written all the same.
sed "$((row + 1))s/000002@/000001@/" p.star >twice.star
expect 0 "warning: twice.star:$((row + 1)): image '1@p.mrcs' stands in the table more than once" twice.star
reports '^warning 1 '
sed "$((row + 2))s/000003@/000009@/" p.star >beyond.star
expect 3 "error: beyond.star:$((row + 2)): image 9 of 'p.mrcs', expected at most 8" beyond.star
reports '^error 1 '
sed 's/@p.mrcs/@q.mrcs/' p.star >lost.star
expect 3 "error: lost.star:$row: stack 'q.mrcs' not found" lost.star
reports '^q.mrcs None 0$'
mkdir elsewhere
mv p.mrcs elsewhere/q.mrcs
expect 0 '' lost.star --datadir elsewhere
reports '^q.mrcs elsewhere/q.mrcs 8$'
sed 's/@p.mrcs/@job7\/x\/q.mrcs/' p.star >deep.star
mkdir elsewhere/x
ln elsewhere/q.mrcs elsewhere/x/q.mrcs
expect 0 '' deep.star --datadir elsewhere --strip-prefix job7
reports '^job7/x/q.mrcs elsewhere/x/q.mrcs 8$'
sed "s/000001@q.mrcs/000001@.\/q.mrcs/; s/000002@q.mrcs/000001@q.mrcs/" lost.star >two_names.star
expect 0 "warning: two_names.star:$((row + 1)): image '1@q.mrcs' stands in the table more than once" \
  two_names.star --datadir elsewhere
head -c 9000 elsewhere/q.mrcs >q.mrcs
expect 3 "error: lost.star:$row: q.mrcs: " lost.star
rm q.mrcs

# Values in wrong units, and columns that RELION needs.
sed "${row},\$s/^\(0*[0-9]*@.*\) 0 0 1 \(1 [12] 1\)\$/\1 0 0 0 \2/" p.star >units.star
sed 's/_rlnImageSize/_rlnSomething/' p.star >label.star
ln elsewhere/q.mrcs p.mrcs
expect 0 "warning: label.star: block 'data_optics' has no column 'rlnImageSize', which RELION needs" label.star
if ! cmp -s units.star p.star; then
  expect 0 "warning: units.star:$row: CTF scale 0, expected 0.001 to 1000 \(8 such\)" units.star
else
  complain "no CTF scale in p.star: $(sed -n "${row}p" p.star)"
fi

expect 2 'error: .*PARTICLES'
expect 2 "error: unrecognised option '--nonsense'" p.star --nonsense
expect 2 'error: .*--angpix' p.star --angpix wide
expect 3 'error: /no/such.star: ' /no/such.star
sed "${row}s/ [^ ]*$//" p.star >short.star
expect 3 "error: short.star:$row: " short.star
expect 4 'error: /no/such/folder/report.star' lost.star --datadir elsewhere -o /no/such/folder/report.star
exit "$failed"
