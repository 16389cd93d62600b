#!/usr/bin/env bash
# Bring the lab up, run suites on it, take the lab down; end with the verdict and the report's path.
# usage: provision/controller/acceptance.sh NAME SUITE...      the report goes to results/NAME
set -euo pipefail
cd "$(dirname "$0")/../.."
. .venv/bin/activate
name="$1"
shift

if [[ $EUID -ne 0 ]]; then
    echo "The container lab needs root: run it as 'sudo make $name'." >&2
    exit 1
fi
trap '[[ -n "${KEEP_LAB:-}" ]] || sage-lab sweep >/dev/null' EXIT
sage-lab up --workers 2 --spare new-worker
verdict=PASSED
robot --outputdir "results/$name" "$@" || verdict=FAILED
echo
echo "$name: $verdict"
echo "report: $PWD/results/$name/report.html"
[[ $verdict == PASSED ]]
