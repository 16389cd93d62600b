#!/usr/bin/env bash
# Say how a run ended on the job's page, and write its JUnit file; both for the workflow, from the run's own results.
# usage: provision/controller/summary.sh RESULTS      the directory with the run's output.xml
set -euo pipefail
cd "$(dirname "$0")/../.."
results="$1"
[[ -z "${GITHUB_STEP_SUMMARY:-}" ]] || exec >>"$GITHUB_STEP_SUMMARY"
if [[ ! -s "$results/output.xml" ]]; then
    echo "The run left no results in $results: see the step that failed."
    exit 0
fi
printf '### %s\n\n```\n' "${GITHUB_JOB:-$results}"
.venv/bin/python -m SageLibrary.report "$results/output.xml" || true   # the run's own step has the status
printf '```\n'
.venv/bin/rebot --output NONE --log NONE --report NONE --xunit junit.xml --outputdir "$results" "$results/output.xml" >/dev/null || true
