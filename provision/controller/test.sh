#!/usr/bin/env bash
# Everything that proves the project: lint, types, unit and integration tests, acceptance suites, coverage.
set -euo pipefail
cd "$(dirname "$0")/../.."
. .venv/bin/activate

if [[ $EUID -ne 0 ]]; then
    echo "The container lab needs root: run it as 'sudo make test'." >&2
    exit 1
fi
say() { printf '\n== %s (at %s s)\n' "$*" "$SECONDS"; }
trap 'sage-lab sweep >/dev/null' EXIT

say "lint, types and imports"
provision/controller/lint.sh

coverage erase
failed=()
say "unit and integration tests"
coverage run -m pytest || failed+=(pytest)
say "acceptance suites"
rm -f results/output.xml
coverage run -m robot --exclude slow --outputdir results --xunit junit.xml robot || failed+=(robot)
python -m SageLibrary.report results/output.xml || true   # robot's own status counts, this says what it means
say "coverage of libraries/ by both"
coverage combine --quiet
coverage report | tail -n 40 || failed+=(coverage)
coverage html --quiet --directory results/coverage

say "verdict: ${failed[*]:-passed}${failed[*]:+ failed}; report: $PWD/results/run.html"
((${#failed[@]} == 0))
