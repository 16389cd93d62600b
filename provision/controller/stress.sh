#!/usr/bin/env bash
# The stress suite on a lab with as many workers as this machine's memory has room for.
# LAB_WORKERS, SEED, OPERATIONS, ROUNDS and SOAK, if set, are the suite's variables of these names.
set -euo pipefail
cd "$(dirname "$0")/../.."
LAB_WORKERS="${LAB_WORKERS:-$(.venv/bin/python -m SageLibrary.stress.capacity)}"
variables=(--variable "LAB_WORKERS:$LAB_WORKERS")
for name in SEED OPERATIONS ROUNDS SOAK; do
    [[ -z "${!name:-}" ]] || variables+=(--variable "$name:${!name}")
done
export LAB_OPTIONS="--workers $LAB_WORKERS --spare new-worker"
provision/controller/acceptance.sh stress "${variables[@]}" "$@" robot/stress.robot
