#!/usr/bin/env bash
# Everything that proves the project: lint, types, unit and integration tests, acceptance suites, coverage.
# Tests and suites mostly wait for nodes, so they run side by side, each on labs of its own. What failed is run once more,
# alone: it fails the whole when it fails twice, and is named as flaky when it does not.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [[ $EUID -ne 0 ]]; then
    echo "The container lab needs root. Run: sudo make test" >&2
    exit 1
fi
. .venv/bin/activate
beside=
end() {
    [[ -z "$beside" ]] || { kill "$beside" && wait "$beside"; } 2>/dev/null || true
    sage-lab sweep >/dev/null
}
trap end EXIT
say() { printf '\n== %s (at %s s)\n' "$*" "$SECONDS"; }
tests() { coverage run -m pytest --durations=25 --junitxml "results/$1.xml" "${@:2}" | tee "results/$1.txt"; }

say "lint, types and imports"
provision/controller/lint.sh

coverage erase
rm -f results/pytest* results/output.xml
failed=()
say "unit and integration tests; beside them the acceptance suites, whose lines are in $PWD/results/suites.txt"
coverage run -m SageLibrary.running.cli run --exclude slow --outputdir results robot >results/suites.txt 2>&1 &
beside=$!
tested=0
tests pytest || tested=$?
accepted=0
wait "$beside" || accepted=$?
beside=
say "acceptance suites"
cat results/suites.txt
if ((tested)); then
    say "tests that failed, once more"
    tests pytest-again --last-failed --last-failed-no-failures none || failed+=(pytest)
fi
if ((accepted)); then
    say "acceptance tests that failed, once more"
    coverage run -m SageLibrary.running.cli rerun results || (($? == 5)) || failed+=(robot)   # 5: flaky
fi
say "coverage of libraries/ by both"
coverage combine --quiet
coverage html --quiet --directory results/coverage
coverage report | tail -n 12 || failed+=(coverage)

# Whatever did not pass is named in the last lines, which is all that some logs keep.
say "what did not pass at once, if anything"
grep -hE '^(FAILED|ERROR) ' results/pytest*.txt || true
sage-test verdict results/output.xml || true   # what it means; it counts above
say "verdict: ${failed[*]:-passed}${failed[*]:+ failed}; report: $PWD/results/run.html"
((${#failed[@]} == 0))
