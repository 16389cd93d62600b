#!/usr/bin/env bash
# Say how a run ended on the job's page; leave that as summary.md and summary.json, and a JUnit file, with the results.
# usage: provision/controller/summary.sh RESULTS      the directory with the run's output.xml
set -euo pipefail
cd "$(dirname "$0")/../.."
results="$1"
[[ -z "${GITHUB_STEP_SUMMARY:-}" ]] || exec >>"$GITHUB_STEP_SUMMARY"
if [[ ! -s "$results/output.xml" ]]; then
    echo "The run left no results in $results: see the step that failed."
    exit 0
fi
rm -f "$results/summary.md" "$results/summary.json"
.venv/bin/python -m SageLibrary.report "$results/output.xml" --markdown "$results/summary.md" \
    --json "$results/summary.json" >/dev/null 2>"$results/summary.err" || true   # the run's own step has the status
# An output.xml that cannot be read, because its run was killed, leaves no summary but the reason.
cat "$results/summary.md" 2>/dev/null || cat "$results/summary.err"
rm -f "$results/summary.err"
.venv/bin/rebot --output NONE --log NONE --report NONE --xunit junit.xml --outputdir "$results" "$results/output.xml" >/dev/null || true
