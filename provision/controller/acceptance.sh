#!/usr/bin/env bash
# Bring the lab up, run suites on it, take the lab down; end with the verdict and the report's path.
# It exits with 0 when all passed, 1 when a test failed, 3 when the lab broke, 4 when nothing was proven, 5 when tests passed
# only when they were run again. KEEP_LAB, RERUN and PROCESSES, if set, say what they say to `sage-test run`.
# usage: provision/controller/acceptance.sh NAME [ROBOT OPTION]... SUITE...      the report goes to results/NAME
# LAB_WORKERS, if set, is how many workers there are instead of two. LAB_OPTIONS, if set, is all that `sage-lab up` is told.
# SAGE_LAB_TOPOLOGY, if set, is a file that says how many nodes there are, for `sage-lab up` and for the suites.
set -euo pipefail
cd "$(dirname "$0")/../.."
name="$1"
shift

if [[ $EUID -ne 0 ]]; then
    echo "The container lab needs root. Run: sudo make $name" >&2
    exit 1
fi
. .venv/bin/activate
sweep() {
    local status=$?
    case "${KEEP_LAB:-}" in
        1 | yes | true) ;;
        on-fail) ((status)) || sage-lab sweep >/dev/null ;;
        *) sage-lab sweep >/dev/null ;;
    esac
}
trap sweep EXIT
nodes="${SAGE_LAB_TOPOLOGY:+--topology $SAGE_LAB_TOPOLOGY}"
read -r -a lab_options <<<"${LAB_OPTIONS:-${nodes:---workers ${LAB_WORKERS:-2} --spare new-worker}}"
[[ -n "${LAB_OPTIONS:-$nodes}" || -z "${LAB_WORKERS:-}" ]] || set -- --variable "WORKER_COUNT:$LAB_WORKERS" "$@"
((${PROCESSES:-1} > 1)) || sage-lab up "${lab_options[@]}" || exit 3   # side by side, each process brings up its own
status=0
sage-test run --outputdir "results/$name" "$@" || status=$?
if command -v robotdashboard >/dev/null; then
    provision/controller/trends.sh >/dev/null || echo "the trends do not have this run; 'make trends' says why" >&2
fi
exit "$status"
