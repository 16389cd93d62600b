#!/usr/bin/env bash
# Lint, formats, types, who may import whom, whether suites say every word there is, and whether every test can be
# collected beside the others.
set -euo pipefail
cd "$(dirname "$0")/../.."
. .venv/bin/activate
ruff check .
ruff format --check .
mypy -p sage_cluster -p sage_lab -p SageLibrary -p benchmarks
lint-imports --verbose | tail -n 4
robocop format --check --diff robot resources
robocop check robot resources
python provision/controller/unused_words.py
pytest --collect-only --quiet | tail -n 1
