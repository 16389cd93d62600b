#!/usr/bin/env bash
# Make the documents that are made from the source. The unit tests say when one is not current.
set -euo pipefail
cd "$(dirname "$0")/../.."
. .venv/bin/activate
make_page() {   # FILE COMMAND...: a command that fails leaves the page as it was
    "${@:2}" >"$1.new" || { rm "$1.new"; exit 1; }
    mv "$1.new" "$1"
}
make_page docs/configuration.md sage-cluster config reference
make_page docs/errors.md python provision/controller/list_errors.py
make_page docs/packages.svg python provision/controller/draw_packages.py
python -m SageLibrary.reference docs/keywords.md results/keywords.html
libdoc --quiet SageLibrary.chinese.Chinese results/keywords.zh-CN.html
