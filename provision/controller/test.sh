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

declare -A layer_of=() began=() result=() took=() amount=()
end() {
    ((${#layer_of[@]} == 0)) || { kill "${!layer_of[@]}" && wait "${!layer_of[@]}"; } 2>/dev/null || true
    sage-lab sweep >/dev/null
}
trap end EXIT
say() { printf '%6s s  %s\n' "$SECONDS" "$*"; }
start() {   # LAYER COMMAND...
    began[$1]=$SECONDS
    "${@:2}" >"results/$1.txt" 2>&1 &
    layer_of[$!]=$1
}
declare -A tests_of=(
    [unit]="tests/unit tests/simulation"
    [integration-lab]=tests/integration/sage_lab
    [integration-cluster]="tests/integration/SageLibrary tests/integration/sage_cluster"
)
tests() {   # LAYER NICENESS: unit tests give way to those that start Ray, which gives up when it waits for long
    local paths
    read -r -a paths <<<"${tests_of[$1]}"
    start "$1" nice --adjustment="$2" coverage run -m pytest --override-ini "cache_dir=.pytest_cache/$1" \
        --durations=25 --junitxml "results/$1.xml" "${paths[@]}"
}
collect() {   # wait for the next layer that ends, and say how it went
    local process status=0
    wait -n -p process "${!layer_of[@]}" || status=$?
    layer=${layer_of[$process]}
    unset "layer_of[$process]"
    took[$layer]=$((SECONDS - began[$layer]))
    result[$layer]=passed
    ((status == 0)) || result[$layer]=FAILED
    # As pytest and sage-test end: "=== 2 failed, 7 passed in 23 s ===", "7 passed, 0 failed, 1 skipped, in 0:23".
    amount[$layer]=$(sed -nE 's/^=* ?([0-9]+ [a-z]+(, [0-9]+ [a-z]+)*),? in [0-9].*/\1/p' "results/$layer.txt" | tail -n 1)
    say "$layer: ${result[$layer]} ${amount[$layer]}"
}

coverage erase
rm -f results/{lint,unit,integration,acceptance,coverage}*.{txt,xml} results/output.xml
say "lint, unit tests, integration tests and acceptance suites, side by side; what they say: results/LAYER.txt"
start acceptance coverage run -m SageLibrary.running.cli run --exclude slow --outputdir results robot
tests integration-cluster 0
start lint provision/controller/lint.sh
while ((${#layer_of[@]})); do
    collect
    case "$layer" in
        lint) tests unit 5 ;;
        unit) tests integration-lab 0 ;;
    esac
done
for layer in unit integration-lab integration-cluster acceptance; do
    [[ "${result[$layer]}" == FAILED ]] || continue
    say "$layer tests that failed, once more"
    again="$layer-again"
    if [[ "$layer" == acceptance ]]; then
        start "$again" coverage run -m SageLibrary.running.cli rerun results
    else
        read -r -a paths <<<"${tests_of[$layer]}"
        start "$again" coverage run -m pytest --override-ini "cache_dir=.pytest_cache/$layer" \
            --junitxml "results/$again.xml" --last-failed --last-failed-no-failures none "${paths[@]}"
    fi
    status=0
    wait "${!layer_of[@]}" || status=$?
    layer_of=()
    took[$layer]=$((took[$layer] + SECONDS - began[$again]))
    # 5 says of suites that all passed at last, of pytest that there was nothing to run.
    [[ "$status" != 0 && "$layer-$status" != acceptance-5 ]] || result[$layer]=flaky
done
coverage combine --quiet
coverage html --quiet --directory results/coverage
began[coverage]=$SECONDS result[coverage]=passed
coverage report >results/coverage.txt || result[coverage]=FAILED
took[coverage]=$((SECONDS - began[coverage]))
amount[coverage]=$(sed -n 's/^TOTAL .* //p' results/coverage.txt)

# Whatever did not pass is named in the last lines, which is all that some logs keep.
echo
grep -hE '^(FAILED|ERROR) ' results/{unit,integration}*.txt || true
sage-test verdict results/output.xml || true   # what it means; it counts above
printf '\n%-19s %-7s %8s  %-42s %s\n' layer result seconds "how many" "where to look"
failed=0
for layer in lint unit integration-lab integration-cluster acceptance coverage; do
    [[ "${result[$layer]}" != FAILED ]] || failed=1
    printf '%-19s %-7s %8s  %-42s %s\n' "$layer" "${result[$layer]}" "${took[$layer]}" "${amount[$layer]}" "results/$layer.txt"
done
say "report: $PWD/results/run.html"
exit "$failed"
