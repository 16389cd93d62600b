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
coverage run -m pytest | tee results/pytest.txt || failed+=(pytest)
say "acceptance suites"
rm -f results/output.xml
coverage run -m robot --exclude slow --outputdir results --xunit junit.xml robot || failed+=(robot)
say "coverage of libraries/ by both"
coverage combine --quiet
coverage html --quiet --directory results/coverage
coverage report | tail -n 12 || failed+=(coverage)

# Whatever failed is named in the last lines, which is all that some logs keep.
say "what failed"
grep -E '^(FAILED|ERROR) ' results/pytest.txt || true
python -m SageLibrary.report results/output.xml || true   # robot's own status counts, this says what it means
say "verdict: ${failed[*]:-passed}${failed[*]:+ failed}; report: $PWD/results/run.html"
((${#failed[@]} == 0))
