# SPDX-License-Identifier: BSD-3-Clause
# Named steps of test/run.sh: each has a log file, a time limit and a count of what passed and failed.
# Source it, set HV_LOGS, call step/suite/conform, end with steps_summary.

HV_PASSED=0
HV_FAILED=0
HV_FAILED_NAMES=()
HV_STEP_LOG=
HV_CHILD=

# step_run NAME SECONDS COMMAND...: run one command into its log; the status is the command's.
step_run() {
    local name=$1 limit=$2 number
    shift 2
    number=$(find "$HV_LOGS" -maxdepth 1 -name '*.log' | wc -l)
    HV_STEP_LOG=$HV_LOGS/$(printf '%02d' $((number + 1)))-${name//[^A-Za-z0-9_.-]/-}.log
    HV_STEP_BEGIN=$SECONDS
    printf '%-44s ' "$name"
    # In the background: a signal to this script then reaches its trap at once.
    timeout --kill-after=30 "$limit" "$@" >"$HV_STEP_LOG" 2>&1 </dev/null &
    HV_CHILD=$!
    wait "$HV_CHILD"
}

# End the step that runs, for the trap of a signal.
step_abort() {
    [ -n "$HV_CHILD" ] || return 0
    kill -TERM "$HV_CHILD" 2>/dev/null
    wait "$HV_CHILD" 2>/dev/null
    return 0
}

# step_done NAME PASSED FAILED STATUS LIMIT: add to the totals, print the line and, of a failure, the log's end.
step_done() {
    local name=$1 passed=$2 failed=$3 status=$4 limit=$5 note=
    # A status that the counts do not explain is a failure of its own, and so is a step that tested nothing.
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1
        note=", exit status $status"
        if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
            note=", stopped after $limit s"
        fi
    elif [ $((passed + failed)) -eq 0 ]; then
        failed=1
        note=', no test ran'
    fi
    HV_PASSED=$((HV_PASSED + passed))
    HV_FAILED=$((HV_FAILED + failed))
    if [ "$failed" -eq 0 ]; then
        printf 'ok    %3d passed (%d s)\n' "$passed" $((SECONDS - HV_STEP_BEGIN))
        return 0
    fi
    HV_FAILED_NAMES+=("$name")
    printf 'FAIL  %3d passed, %d failed%s (%d s)\n' "$passed" "$failed" "$note" $((SECONDS - HV_STEP_BEGIN))
    printf -- '----- %s, last 60 lines:\n' "$HV_STEP_LOG"
    tail -n 60 "$HV_STEP_LOG" | cut -c 1-300
    printf -- '-----\n'
    return 1
}

# step NAME SECONDS COMMAND...: one check.
step() {
    local name=$1 limit=$2 status=0
    step_run "$@" || status=$?
    step_done "$name" $((status == 0)) $((status != 0)) "$status" "$limit"
}

# A number of meson's summary, 0 if it is not there.
meson_count() {
    sed -n "s/^$1: *\([0-9][0-9]*\) *$/\1/p" "$HV_STEP_LOG" | tail -n 1 | grep . || echo 0
}

# suite NAME SECONDS FOLDER SUITE [meson test option...]: one suite of "meson test", counted by meson. A skipped
# test is a failure: whatever it needs has to be there.
suite() {
    local name=$1 limit=$2 folder=$3 chosen=$4 status=0
    shift 4
    step_run "$name" "$limit" meson test -C "$folder" --suite "$chosen" --print-errorlogs --no-rebuild "$@" ||
        status=$?
    step_done "$name" $(($(meson_count 'Ok') + $(meson_count 'Expected Fail'))) \
        $(($(meson_count 'Fail') + $(meson_count 'Unexpected Pass') + $(meson_count 'Skipped') +
            $(meson_count 'Timeout'))) "$status" "$limit"
}

# conform NAME SECONDS COMMAND...: a script that ends with the line "N passed, N failed".
conform() {
    local name=$1 limit=$2 status=0 counts
    step_run "$@" || status=$?
    counts=$(sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p' "$HV_STEP_LOG" | tail -n 1)
    counts=${counts:-0 0} # killed before its summary
    step_done "$name" "${counts% *}" "${counts#* }" "$status" "$limit"
}

# Print the totals; the status is 0 only if something passed and nothing failed.
steps_summary() {
    printf '\n%d min %d s; logs in %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$HV_LOGS"
    if [ "${#HV_FAILED_NAMES[@]}" -gt 0 ]; then
        printf 'failed: %s\n' "${HV_FAILED_NAMES[@]}"
    fi
    printf '%d passed, %d failed\n' "$HV_PASSED" "$HV_FAILED"
    [ "$HV_FAILED" -eq 0 ] && [ "$HV_PASSED" -gt 0 ]
}
