#!/bin/sh
# check_memory.sh TOOL_DIR TESTDATA: the memory of cryosip-flow-step does not grow with the images.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

if ! [ -x /usr/bin/time ]; then
  echo "skipped: /usr/bin/time is not installed"
  exit 77
fi
two_wells 0.5 0.25 0.5
cryosip-init-particles --quiet --model modes.nmd --count 12 -o start.star || exit 1

# Both sets lie in one stack.
cryosip-simulate --quiet --model modes.nmd --mixture mixture.star --count 20000 --box 32 --angpix 4.5 \
  --snr 1 -o many || exit 1
sed '/^0*2001@/,$d' many.star >few.star

# peak STAR OPTIONS...: kilobytes
peak() {
  star=$1; shift
  /usr/bin/time -f %M cryosip-flow-step --quiet --images "$star" --images-per-step 200 --steps 3 -j 2 "$@" \
    start.star -o moved.star 2>peak || complain "$* failed: $(cat peak)"
  tail -n 1 peak
}
# Eighteen thousand images more: 74 MB of pixels, 40 to 70 MB of coefficients; their rows may take 25.
for how in '--poses given' '--poses given --angle-error 2 --shift-error 2' '--poses uniform --views 2'; do
  # shellcheck disable=SC2086  # a list of words
  few=$(peak few.star $how) many=$(peak many.star $how)
  [ $((many - few)) -lt 30000 ] || complain "$how: $few KB with 2000 images, $many KB with 20000"
done
exit "$failed"
