#!/usr/bin/env bash
# Make the documents that are made from the source. The unit tests say when one is not current.
set -euo pipefail
cd "$(dirname "$0")/../.."
. .venv/bin/activate
sage-cluster config reference >docs/configuration.md
python provision/controller/list_errors.py >docs/errors.md
python -m SageLibrary.reference docs/keywords.md results/keywords.html
libdoc --quiet SageLibrary.chinese.Chinese results/keywords.zh-CN.html
