#!/usr/bin/env bash
# The lifecycle suite on virtual machines from the box of build.sh. Where no libvirtd answers, one is started in a network
# namespace of its own, so that its bridges and rules meet nobody's, and ended afterwards.
# usage: provision/box/lifecycle-vm.sh [SUITE...]      exits like provision/controller/acceptance.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
suites=("$@")
((${#suites[@]})) || suites=(robot/lifecycle.robot)
[[ $EUID -eq 0 ]] || { echo "It needs root: sudo make lifecycle-vm" >&2; exit 1; }
export PATH="$PATH:/usr/sbin:/sbin" SAGE_LAB_PROVIDER=vagrant SAGE_BOX=sage-lab

box=results/box/sage-lab.box
[[ -s "$box" ]] || SAGE_PYTHON=.venv/bin/python provision/box/build.sh
vagrant box list | grep -c '^sage-lab ' >/dev/null || vagrant box add --name sage-lab "$box"

namespace=sage-lab-vm
started=()
scratch="$(mktemp -d)"
within=()
end() {
    local status=$? pid
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    ((${#within[@]} == 0)) || ip netns delete "$namespace"
    rm -rf -- "$scratch"
    exit "$status"
}
trap end EXIT

answers() { virsh --connect qemu:///system version >/dev/null 2>&1; }

if ! answers; then
    ip netns add "$namespace"
    within=(ip netns exec "$namespace")
    "${within[@]}" ip link set dev lo up
    printf 'unix_sock_group = "root"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\n' >"$scratch/libvirtd.conf"
    "${within[@]}" virtlogd >"$scratch/virtlogd.log" 2>&1 & started=("$!")
    "${within[@]}" libvirtd --config "$scratch/libvirtd.conf" >"$scratch/libvirtd.log" 2>&1 & started=("$!" "${started[@]}")
    until answers; do
        kill -0 "${started[0]}" 2>/dev/null && ((SECONDS < 120)) || { cat "$scratch"/*.log >&2; exit 3; }
        sleep 0.2
    done
    virsh --connect qemu:///system pool-info default >/dev/null 2>&1 || {
        install -d -m 711 /var/lib/libvirt/images
        virsh --connect qemu:///system pool-create-as default dir --target /var/lib/libvirt/images >/dev/null
    }
fi
"${within[@]}" provision/controller/acceptance.sh lifecycle-vm "${suites[@]}"
