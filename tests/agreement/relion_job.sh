#!/bin/sh
# relion_job.sh TOOL_DIR TESTDATA MAP_CORRELATION: cryosip as an External job, run by RELION's pipeliner in a
# project of its own: markers and status however the job ends, output nodes, jobs that follow.
# shellcheck source=../cli/common.sh
. "$(dirname "$0")/../cli/common.sh"
command -v relion_pipeliner >/dev/null || { echo "SKIP: RELION is not installed"; exit 77; }
map_correlation=$3
job_program=$1/cryosip-relion-job

two_wells 0.6 0.3 0.3
cryosip-simulate --quiet --no-provenance --model modes.nmd --mixture mixture.star --count 100 --box 32 \
  --angpix 4.5 --snr 1 --ctf uniform -o particles || exit 1
cp "$testdata/hinge_dimer.pdb" model.pdb
printf '\ndata_pipeline_general\n\n_rlnPipeLineJobCounter 1\n\n' >default_pipeline.star

# schedule TYPE OPTIONS: adds a job to the project; its folder is then in $job.
next=1
schedule() {
  relion_pipeliner --addJob "$1" --addJobOptions "$2" >pipeliner.log 2>&1
  job=$1/job$(printf %03d "$next")/
  next=$((next + 1))
  grep -q "$job" default_pipeline.star || { cat pipeliner.log; complain "$job was not added"; exit 1; }
}
# schedule_ours LABEL VALUE ...: parameters as the form takes them.
schedule_ours() {
  options="fn_exe == $job_program;in_part == particles.star;nr_threads == 2"
  n=1
  while [ $# -gt 1 ]; do
    options="$options;param${n}_label == $1;param${n}_value == $2"
    n=$((n + 1)); shift 2
  done
  schedule External "$options"
}
# run: the pipeliner comes back when the job is over.
run() { relion_pipeliner --RunJobs "$job" --sec_wait_after 1 >pipeliner.log 2>&1; }
# ended MARKER STATUS: just this marker, and RELION's own word for it (2 success, 3 failure, 4 aborted).
ended() {
  relion_pipeliner --check_job_completion >check.log 2>&1
  found=$(cd "$job" && echo RELION_JOB_EXIT_*)
  [ "$found" = "RELION_JOB_EXIT_$1" ] || complain "$job: '$found', expected $1: $(cat "$job/run.err")"
  status=$(awk -v job="$job" '$1 == job { print $4; exit }' default_pipeline.star)
  [ "$status" = "$2" ] || complain "$job: status $status, expected $2"
  for left in cryosip_unfinished RELION_JOB_ABORT_NOW; do
    [ ! -e "$job/$left" ] || complain "$job: $left is left"
  done
  [ "$1" = SUCCESS ] || [ ! -e "$job/RELION_OUTPUT_NODES.star" ] || complain "$job: nodes of a job that failed"
}
# one_error PATTERN: a single line in run.err says so.
one_error() {
  { [ "$(grep -c ': error: ' "$job/run.err")" -eq 1 ] && grep -qE -e "$1" "$job/run.err"; } ||
    complain "$job: run.err is '$(cat "$job/run.err")', expected /$1/"
}
# flowing: starts the job, and waits until the flow is under way; $worker is then its process.
flowing() {
  : >"$job/run.out"
  run &
  pipeliner=$!
  tries=0
  until grep -q '^   flowing' "$job/run.out" || [ "$tries" -ge 3000 ]; do sleep 0.02; tries=$((tries + 1)); done
  sleep 0.1
  worker=$(cat "$job/cryosip_unfinished")
}
# resumes: run again, it goes on with the flow, and succeeds.
resumes() {
  : >"$job/run.out"
  run
  ended SUCCESS 2
  grep -q 'Conformations to start from: done before' "$job/run.out" || complain "$job: nothing was kept"
  grep -q 'Going on after step [1-9]' "$job/run.out" || complain "$job: the flow began again: $(cat "$job/run.out")"
}
short="model model.pdb modes 1 conformations 10 representatives 2"

# --- Success.
# shellcheck disable=SC2086  # a list of words
schedule_ours $short steps 20
run
ended SUCCESS 2
ours=$job
tr '\r' '\n' <"$job/run.out" | grep -q '^   [0-9 ]*/ *[0-9]* sec \.\{60\}~~(,_,">$' || complain "no bar of RELION's in run.out"
node() { # node FILE TYPE: the job's file is offered to the jobs that follow
  grep -Eq "^$job$1 +$2 *$" default_pipeline.star || complain "$1 is no node of the pipeline"
  grep -Eq "^$job +$job$1 *$" default_pipeline.star || complain "$1 has no edge from the job"
  [ -e ".Nodes/$2/$job$1" ] || complain "$1 is not offered to the jobs that follow"
}
node particles.star 3
node map.mrc 6
node maps/map_002.mrc 6
grep -Eq "^particles.star +$job *$" default_pipeline.star || complain "the input has no edge to the job"
[ "$(grep -c @ "$job/particles.star")" -eq 100 ] || complain "particles.star has not all images"
grep -q '^_sip' "$job/particles.star" || complain "particles.star says nothing about conformations"
if grep -i ': error' "$job/run.err"; then complain "a job that succeeded complains"; fi

# Jobs that follow take what it left.
schedule Class3D "fn_img == ${ours}particles.star;fn_ref == ${ours}map.mrc;nr_classes == 2;nr_iter == 2;dont_skip_align == No;particle_diameter == 120;ini_high == 30;do_preread_images == Yes;nr_threads == 1"
run
ended SUCCESS 2
[ -s "$job/run_it002_class002.mrc" ] || complain "Class3D wrote no map"
[ "$(grep -c @ "$job/run_it002_data.star")" -eq 100 ] || complain "Class3D lost images"
relion_reconstruct --i particles.star --o before.mrc --ctf >log 2>&1
relion_reconstruct --i "${ours}particles.star" --o after.mrc --ctf >log 2>&1 || complain "relion_reconstruct: $(cat log)"
cmp -i 1024 before.mrc after.mrc || complain "our particles give another reconstruction than those they came from"
"$map_correlation" "${ours}modes.nmd" "${ours}map.mrc" 0.8 || complain "our map shows another molecule"

# --- A reference and a mask, from RELION's fields.
relion_mask_create --i "${ours}map.mrc" --o mask.mrc --ini_threshold 0.002 --width_soft_edge 3 >log 2>&1
schedule External "fn_exe == $job_program;in_part == particles.star;in_3dref == ${ours}map.mrc;in_mask == mask.mrc;param1_label == model;param1_value == ${ours}modes.nmd;param2_label == conformations;param2_value == 5;param3_label == steps;param3_value == 1"
run
ended SUCCESS 2
grep -q "Correlation of the model with ${ours}map.mrc: 0\.[6-9]" "$job/run.out" || complain "$(grep Corr "$job/run.out")"

# --- Failure: of the command line, and of a tool.
# shellcheck disable=SC2086
{
  schedule_ours $short step 20
  run
  ended FAILURE 3
  one_error "^cryosip-relion-job: error: unrecognised option '--step'"
  schedule_ours model model.pdb modes "" steps 20
  run
  ended FAILURE 3
  one_error '^cryosip-relion-job: error: --modes: its value is missing'
}

# --- Abort, and the job run again.
# shellcheck disable=SC2086
{
  schedule_ours $short steps 200
  flowing
  touch "$job/RELION_JOB_ABORT_NOW"
  wait "$pipeliner"
  ended ABORTED 4
  resumes
}

# --- kill -9 of the job: its watch says so, the flow leaves a checkpoint, and a next run goes on.
rm -f "${job}ensemble.star"  # the flow is to be done again
flowing
kill -9 "$worker"
wait "$pipeliner"
ended FAILURE 3
resumes

exit "$failed"
