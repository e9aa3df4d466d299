#!/bin/sh
# check_convert.sh TOOL_DIR TESTDATA: what cryosip-convert writes, says and refuses.
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
  --angpix 4.5 --noise-sigma 1 --shift-sigma 3 -o p || exit 1

converts() { # converts STDERR_PATTERN ARGS...: well; says one such line, or nothing
  pattern=$1; shift
  cryosip-convert --quiet --no-provenance "$@" >out 2>err </dev/null ||
    complain "'$*' gave status $?: $(cat err)"
  if [ -z "$pattern" ]; then
    [ ! -s err ] || complain "'$*' said: $(cat err)"
  else
    [ "$(wc -l <err)" -eq 1 ] || complain "'$*' said: $(cat err)"
    grep -qE "^cryosip-convert: warning: $pattern" err || complain "'$*' said '$(cat err)', expected /$pattern/"
  fi
}
refuses() { # refuses STATUS STDERR_PATTERN ARGS...
  status=$1; pattern=$2; shift 2
  expect_failure cryosip-convert "bad.star bad.cs bad.mrcs bad.tiff bad.mrcs.part bad.tiff.part" \
    "$status" "$pattern" cryosip-convert --quiet "$@"
}
column() { # column FILE LABEL: of the particles
  awk -v label="_$2" '$1 == label { n = substr($2, 2) } /@/ { print $n }' "$1"
}

# STAR to .cs and back: nothing is lost, nothing said.
converts '' p.star p.cs
converts '' p.cs q.star
for label in rlnImageName rlnMicrographName rlnClassNumber rlnRandomSubset; do
  column p.star "$label" >one
  column q.star "$label" | cmp -s one - || complain "$label changed"
done
for label in rlnAngleRot rlnAngleTilt rlnAnglePsi rlnOriginXAngst rlnOriginYAngst rlnDefocusU rlnDefocusAngle; do
  column p.star "$label" >one
  [ "$(wc -l <one)" -eq 8 ] || complain "no $label"
  column q.star "$label" | paste one - | awk '
    { d = $1 - $2; a = $1 < 0 ? -$1 : $1; if (d > 2e-5 + 1e-7 * a || d < -2e-5 - 1e-7 * a) exit 1 }' ||
    complain "$label changed: $(column q.star "$label" | paste one -)"
done
# Through 32-bit floats once, nothing changes any more.
converts '' q.star r.cs
cmp -s p.cs r.cs || complain "a second conversion gave another data set"
converts '' p.cs -
cmp -s out q.star || complain "standard output holds another STAR file"

# Every tool takes the data set in place of the STAR file.
cryosip-check --quiet --no-provenance p.star >one || complain "check of p.star"
cryosip-check --quiet --no-provenance p.cs >two || complain "check of p.cs"
sed 's/p.cs/p.star/; s/exp_group_0/opticsGroup1/' two | cmp -s one - || complain "check reports another set: $(cat two)"
cryosip-init-particles --quiet --model modes.nmd --count 4 -o start.star || exit 1
for particles in p.star p.cs; do
  cryosip-flow-step --quiet --no-provenance start.star --images "$particles" --steps 2 -o "end.$particles" ||
    complain "flow-step on $particles"
done
cryosip-simulate --quiet --no-provenance --model modes.nmd --mixture mixture.star --count 8 --box 32 \
  --angpix 4.5 --poses p.cs --ctf p.cs -o s || complain "simulate with the poses of p.cs"
column s.star rlnDefocusU >one
column q.star rlnDefocusU | cmp -s one - || complain "simulate took other CTFs from p.cs"

# A selection goes back with all its other fields.
sed '/000002@/d' q.star >selected.star
converts '' selected.star selected.cs --passthrough p.cs
converts '' selected.cs again.star
column selected.star ucsfUid >one
column again.star ucsfUid | cmp -s one - || complain "the selection has other uids"
refuses 3 'p.star: .*no column .*ucsfUid' p.star bad.cs --passthrough p.cs
refuses 3 'q.star:[0-9]*: uid [0-9]* found, expected one of selected.cs' q.star bad.cs --passthrough selected.cs
# What has no place is named.
sed 's/^_rlnClassNumber/_rlnUnheardOf/' p.star >odd.star
converts 'odd.star: left out, a cryoSPARC data set has no place for it: rlnUnheardOf$' odd.star odd.cs

# Names of stacks.
mkdir data
cp p.mrcs data/
converts '' p.cs named.star --datadir data
[ "$(column named.star rlnImageName | head -1)" = 000001@p.mrcs ] || complain "found elsewhere: $(column named.star rlnImageName)"
mv p.mrcs there.mrcs
converts '' p.cs named.star --datadir data
[ "$(column named.star rlnImageName | head -1)" = 000001@data/p.mrcs ] || complain "not named where it is"
sed 's/@p.mrcs/@J1\/x\/p.mrcs/' q.star >deep.star
converts '' deep.star deep.cs
converts '' deep.cs named.star --strip-prefix J1
[ "$(column named.star rlnImageName | head -1)" = 000001@x/p.mrcs ] || complain "the prefix stayed"
mkdir elsewhere
refuses 3 "deep.cs: record 1: stack 'J1/x/p.mrcs' not found, .*--strip-prefix" deep.cs bad.star --datadir elsewhere
mv there.mrcs p.mrcs

# Stacks: the pixels stay.
converts '' p.mrcs p.tiff
converts '' p.tiff back.mrcs
cmp -s p.mrcs back.mrcs || complain "MRC to TIFF and back changed the stack"
converts '' p.mrcs p.mrc --angpix 2
[ "$(tail -c +1025 p.mrc | cksum)" = "$(tail -c +1025 p.mrcs | cksum)" ] || complain ".mrc has other pixels"

refuses 2 '.*IN'
refuses 2 'p.png: expected a name that ends with' p.mrcs p.png
refuses 2 'p.star: a STAR file already' p.star bad.star
refuses 2 'p.cs: a .cs file already' p.cs bad.cs
refuses 3 '/no/such.cs: ' /no/such.cs bad.star
refuses 3 '/no/such.mrcs: ' /no/such.mrcs bad.tiff
refuses 3 'p.star: ' p.star bad.mrcs
head -c 500 p.cs >short.cs
refuses 3 'short.cs: truncated: found ' short.cs bad.star
head -c 9000 p.mrcs >short.mrcs
refuses 3 'short.mrcs: ' short.mrcs bad.tiff
refuses 4 '/no/such/folder/x.star: ' p.cs /no/such/folder/x.star
refuses 4 '/no/such/folder/x.cs: ' p.star /no/such/folder/x.cs
refuses 4 '/no/such/folder/x.tiff: ' p.mrcs /no/such/folder/x.tiff
refuses 2 'p.star: a STAR file, expected a cryoSPARC' p.star bad.star --passthrough p.cs
exit "$failed"
