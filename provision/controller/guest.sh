#!/usr/bin/env bash
# Test what the container lab does with nodes, cgroups and faults under cgroup v2 alone, in a guest by User Mode Linux: a
# kernel that is a program, so neither a hypervisor nor a reboot is needed. Its root is this machine's own file system, so it
# runs in a root that 'make fresh' made and removes. Needs Debian's package user-mode-linux of 6.16 or later (seccomp mode).
# usage: FRESH=1 provision/controller/guest.sh      exits as pytest does
set -euo pipefail
cd "$(dirname "$0")/../.."
verdict=results/guest.status
modules=/usr/lib/uml/modules

if [[ "${1:-}" == --inside ]]; then   # the guest's first process
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -t devtmpfs devtmpfs /dev
    mkdir -p /dev/pts /dev/shm
    mount -t devpts devpts /dev/pts
    for directory in /dev/shm /run /tmp; do mount -t tmpfs tmpfs "$directory"; done
    modprobe --all overlay bridge veth nf_tables
    ip link set lo up
    . .venv/bin/activate
    echo "kernel $(uname -r); cgroup $([[ -e /sys/fs/cgroup/cgroup.controllers ]] && echo v2 || echo v1)"
    status=0
    pytest tests/integration/sage_lab/test_lab_{nodes,sweep}.py tests/integration/sage_lab/test_fault_kinds.py || status=$?
    echo "$status" >"$verdict"
    sync
    echo o >/proc/sysrq-trigger
    read -r   # until it is off
fi

[[ -n "${FRESH:-}" ]] ||
    { echo "The guest would write to this machine's own files. Run: make fresh DISTRIBUTIONS=debian-forky COMMANDS=guest" >&2; exit 1; }
provision/controller/install.sh dev
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends user-mode-linux kmod >/dev/null
mkdir -p /lib/modules results
ln -sfn "$modules"/* /lib/modules/
rm -f "$verdict"
# Its console is this command's output; with standard input at its end, nothing waits for a person.
timeout --kill-after=5 1800 linux.uml seccomp=on mem=3072M root=none rootfstype=hostfs rootflags=/ rw con=null con0=fd:0,fd:1 \
    quiet init=/bin/bash -- "$PWD/provision/controller/guest.sh" --inside </dev/null
[[ -s "$verdict" ]] || { echo "the guest ended without a verdict" >&2; exit 1; }
exit "$(cat "$verdict")"
