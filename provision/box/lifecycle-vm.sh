#!/usr/bin/env bash
# Suites on virtual machines from the box of build.sh, beside a libvirtd of their own. The machines boot once: a snapshot of
# them is where every suite begins. KVM where it works; SAGE_ACCELERATION=qemu is software emulation.
# usage: provision/box/lifecycle-vm.sh [SUITE...]      default: the lifecycle, and what takes a machine of one's own
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PATH:/usr/sbin:/sbin" VAGRANT_HOME="$PWD/results/vm/vagrant"

if [[ "${1:-}" != --inside ]]; then
    suites=("$@")
    ((${#suites[@]})) || suites=(robot/lifecycle.robot robot/machines.robot)
    [[ $EUID -eq 0 ]] || { echo "It needs root: sudo make lifecycle-vm" >&2; exit 1; }
    tried='import sys; from sage_lab.providers.vagrant.acceleration import acceleration
print(acceleration(lambda line: print(line, file=sys.stderr)))'
    SAGE_ACCELERATION="${SAGE_ACCELERATION:-$(.venv/bin/python -c "$tried")}"
    # The newest Ray does not start under software emulation.
    [[ "$SAGE_ACCELERATION" == kvm ]] || export SAGE_RAY="${SAGE_RAY:-ray==2.49.2}"
    export SAGE_ACCELERATION
    box=results/box/sage-lab.box
    [[ -s "$box" ]] || SAGE_PYTHON=.venv/bin/python provision/box/build.sh
    vagrant box list | grep -c '^sage-lab ' >/dev/null || vagrant box add --name sage-lab "$box"
    exec provision/box/own-libvirt.sh "$0" --inside "${suites[@]}"
fi
shift

. .venv/bin/activate
export SAGE_LAB_PROVIDER=vagrant SAGE_BOX=sage-lab
export SAGE_LAB_TOPOLOGY=resources/topologies/default.yaml KEEP_LAB=yes
trap 'sage-lab down' EXIT
sage-lab up --workers 2 || exit 3
sage-lab save fresh
status=0
for suite in "$@"; do
    sage-lab rollback fresh
    provision/controller/acceptance.sh "$(basename "$suite" .robot)-vm" "$suite" || status=$?
done
exit "$status"
