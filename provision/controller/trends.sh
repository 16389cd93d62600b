#!/usr/bin/env bash
# Remember the last run in each results directory, and write results/trends.html about all that are remembered.
# usage: provision/controller/trends.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. .venv/bin/activate
outputs=()
for output in results/output.xml results/*/output.xml; do
    [[ ! -s "$output" || "$output" == results/attempt-* ]] || outputs+=(--outputpath "$output")
done
if ((${#outputs[@]} == 0)) && [[ ! -s results/trends.db ]]; then
    echo "No run has left results yet: 'make lifecycle' does." >&2
    exit 1
fi
# With its scripts and styles inside, the page asks nothing of any network. A run that is known already is left out.
robotdashboard "${outputs[@]}" --databasepath results/trends.db --namedashboard results/trends.html \
    --dashboardtitle "Trends" --offlinedependencies true --listruns false |
    sed -n '/ERROR/{/add the same output again/!p}' >&2
echo "open: $PWD/results/trends.html"
