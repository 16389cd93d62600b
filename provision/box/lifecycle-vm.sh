#!/usr/bin/env bash
# Suites on virtual machines from the box of build.sh, beside a libvirtd of their own, under software emulation unless
# SAGE_ACCELERATION says kvm. The machines boot once: a snapshot of them is where every suite begins.
# usage: provision/box/lifecycle-vm.sh [SUITE...]      default: the lifecycle, and what takes a machine of one's own
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PATH:/usr/sbin:/sbin" VAGRANT_HOME="$PWD/results/vm/vagrant"

if [[ "${1:-}" != --inside ]]; then
    suites=("$@")
    ((${#suites[@]})) || suites=(robot/lifecycle.robot robot/machines.robot)
    [[ $EUID -eq 0 ]] || { echo "It needs root: sudo make lifecycle-vm" >&2; exit 1; }
    box=results/box/sage-lab.box
    # The newest Ray does not start under software emulation.
    [[ -s "$box" ]] || SAGE_RAY="${SAGE_RAY:-ray==2.49.2}" SAGE_PYTHON=.venv/bin/python provision/box/build.sh
    vagrant box list | grep -c '^sage-lab ' >/dev/null || vagrant box add --name sage-lab "$box"
    exec provision/box/own-libvirt.sh "$0" --inside "${suites[@]}"
fi
shift

. .venv/bin/activate
export SAGE_LAB_PROVIDER=vagrant SAGE_BOX=sage-lab SAGE_ACCELERATION="${SAGE_ACCELERATION:-qemu}"
export LAB_OPTIONS="--workers 2" SAGE_LAB_SPARES="" KEEP_LAB=yes
trap 'sage-lab down' EXIT
sage-lab up --workers 2 || exit 3
sage-lab save fresh
status=0
for suite in "$@"; do
    sage-lab rollback fresh
    provision/controller/acceptance.sh "vm-$(basename "$suite" .robot)" "$suite" || status=$?
done
exit "$status"
