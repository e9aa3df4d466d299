#!/bin/sh
# check_report.sh TOOL_DIR TESTDATA: statuses, messages and reproducibility of cryosip-report, and its
# pages in headless Chromium where that is installed.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
page_check=$(cd "$(dirname "$0")/../report" && pwd)/check_page.py

# The demo in little.
mkdir run
cd run || exit 1
cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 4 -o modes.nmd
cryosip-simulate --quiet --model modes.nmd --mixture "$testdata/hinge_truth.star" --count 200 \
  --box 32 --angpix 4.5 --snr 0.3 -o particles || complain "simulate failed"
cryosip-init-particles --quiet --model modes.nmd --count 60 --distribution uniform --scale 2 -o start.star || complain "init-particles failed"
cryosip-flow-step --quiet --images particles.star --steps 30 --images-per-step 24 --log log.star start.star -o ensemble.star ||
  complain "flow-step failed"
cryosip-evaluate --quiet --truth particles_truth.star --initial start.star ensemble.star >evaluation.star ||
  complain "evaluate failed"
cd ..

# expect STATUS STDERR_PATTERN COMMAND...
expect() { expect_failure cryosip-report "never.html" "$@"; }
report="cryosip-report --quiet --no-provenance"

# opened PAGE: in Chromium.
opened() {
  [ "$browser" = yes ] || return 0
  status=0
  python3 "$page_check" "$1" >opened 2>&1 || status=$?
  case $status in
    0) ;;
    77) browser=no; cat opened ;;
    *) complain "$1 in Chromium: $(head -30 opened)" ;;
  esac
}
browser=yes
command -v python3 >/dev/null || { browser=no; echo "python3 is not installed: pages are not opened"; }

# shellcheck disable=SC2086  # the commands are lists of words
{
  $report run --figures figures -j 1 -o full.html || complain "the report failed"
  for section in summary distribution structures landscape free-energy images distances convergence run; do
    grep -q "<section id=\"$section\">" full.html || complain "no section $section"
  done
  grep -q 'cryosip-flow-step --quiet --images particles.star' full.html || complain "the flow's command is not there"
  # Needs nothing but itself: addresses are names of namespaces, and data.
  grep -oE '(src|href)="[^"]*"' full.html | grep -vE '"(#|data:)' && complain "the page points elsewhere"
  grep -E 'https?://|@import|url\(' full.html | grep -v "createElementNS('http://www.w3.org/2000/svg'" &&
    complain "the page names an address"
  grep -qE ' (d|x|y|width|height|transform)="[^"]*(nan|inf)' figures/*.svg && complain "a figure holds what is no number"
  [ "$(find figures -name '*.svg' | wc -l)" -ge 20 ] || complain "few figures: $(ls figures)"
  for svg in figures/*.svg; do
    for element in title desc; do
      grep -q "<$element>..*</$element>" "$svg" || complain "$svg has no $element"
    done
    head -c 8 "${svg%.svg}.png" | od -An -tx1 | grep -q '89 50 4e 47' || complain "${svg%.svg}.png is no PNG"
  done
  # The same bytes on any number of threads, to standard output too.
  $report run -j 2 >threads.html || complain "standard output failed"
  cmp full.html threads.html || complain "one thread and two differ"
  opened full.html

  # What is missing is said, not failed on.
  mkdir bare
  cp run/ensemble.star bare
  $report bare -o bare.html || complain "an ensemble alone failed"
  grep -q 'There is no particles.star in the folder' bare.html || complain "missing images are not mentioned"
  grep -q 'There is no log.star in the folder' bare.html || complain "a missing log is not mentioned"
  grep -q 'There is no truth to compare with' bare.html || complain "a missing truth is not mentioned"
  opened bare.html
  # A file that cannot be read is said too, unless it was named.
  echo nonsense >bare/log.star
  $report bare -o bare.html || complain "a bad log failed"
  grep -q 'The file of the flow&#39;s log could not be used' bare.html || complain "a bad log is not mentioned"
  expect 3 'bare/log.star:' $report bare --log bare/log.star -o never.html

  # Markup in names and titles stays text.
  $report bare --title '<script>alert(1)</script>' -o title.html || complain "a title failed"
  grep -q '<h1>&lt;script&gt;alert(1)' title.html || complain "the title is not escaped"

  # Files of other names; poses unknown; models whose images are not in angstrom.
  mkdir elsewhere
  $report elsewhere --ensemble run/ensemble.star --model run/modes.nmd --particles run/particles.star --poses uniform \
    --clusters 2 --examples 2 -o named.html || complain "named files failed"
  grep -q 'in a view at random' named.html || complain "unknown poses are not mentioned"
  mkdir line cluster
  printf 'data_sip_mixture\n\nloop_\n_sipWeight #1\n_sipMean1 #2\n_sipSigma1 #3\n0.5 -1.2 0.1\n0.5 1.2 0.1\n\n' >line/truth.star
  cryosip-simulate --quiet --model identity --mixture line/truth.star --count 200 --noise-sigma 0.3 -o line/particles
  cryosip-init-particles --quiet --model identity --count 60 -o line/ensemble.star
  $report line --noise-sigma 0.3 -o line.html || complain "the model identity failed"
  printf 'data_sip_mixture\n\nloop_\n_sipWeight #1\n_sipMean1 #2\n_sipMean2 #3\n_sipSigma1 #4\n_sipSigma2 #5\n1 1 1.8 0.05 0.05\n\n' >cluster/truth.star
  cryosip-simulate --quiet --model nanocluster --mixture cluster/truth.star --count 60 --noise-sigma 0.2 -o cluster/particles
  cryosip-init-particles --quiet --model nanocluster --count 60 -o cluster/ensemble.star
  $report cluster --noise-sigma 0.2 -o cluster.html || complain "the model nanocluster failed"
  # The same of a flow with bands.
  cp -r run banded
  cryosip-flow-step --quiet --images banded/particles.star --steps 6 --images-per-step 24 --bands 3 --model run/modes.nmd \
    run/start.star -o banded/ensemble.star || complain "flow-step --bands failed"
  $report banded -o banded.html || complain "an ensemble with bands failed"
  grep -q '90 % band' banded.html || complain "no bands"
  opened banded.html
  grep -q 'fill:var(--result)" opacity="0.22"' banded.html || complain "no band is drawn"

  expect 3 'bare/nothing: expected a folder' $report bare/nothing -o never.html
  expect 3 'elsewhere/ensemble.star: no such file; a report needs an ensemble' $report elsewhere -o never.html
  expect 3 '/no/such.star: ' $report run --truth /no/such.star -o never.html
  expect 2 '0 representative structures' $report run --clusters 0 -o never.html
  expect 2 '--examples: -1 found' $report run --examples -1 -o never.html
  expect 4 '/no/such/folder/r.html' $report run -o /no/such/folder/r.html
  expect 4 '/dev/null/figures: cannot be created' $report bare --figures /dev/null/figures -o never.html
}
exit "$failed"
