#!/usr/bin/env bash
# Bring the lab up, run the lifecycle suite, take the lab down; end with the verdict and the report's path.
set -euo pipefail
cd "$(dirname "$0")/../.."
. .venv/bin/activate

if [[ $EUID -ne 0 ]]; then
    echo "The container lab needs root: run it as 'sudo make lifecycle'." >&2
    exit 1
fi
trap '[[ -n "${KEEP_LAB:-}" ]] || sage-lab sweep >/dev/null' EXIT
sage-lab up --workers 2 --spare new-worker
verdict=PASSED
robot --outputdir results/lifecycle robot/lifecycle.robot || verdict=FAILED
echo
echo "lifecycle: $verdict"
echo "report:    $PWD/results/lifecycle/report.html"
[[ $verdict == PASSED ]]
