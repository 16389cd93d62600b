#!/usr/bin/env bash
# Lint, formats, types, and who may import whom.
set -euo pipefail
cd "$(dirname "$0")/../.."
. .venv/bin/activate
ruff check .
ruff format --check .
mypy -p sage_cluster -p sage_lab -p SageLibrary -p benchmarks
lint-imports --verbose | tail -n 4
robocop format --check --diff robot resources
robocop check robot resources
