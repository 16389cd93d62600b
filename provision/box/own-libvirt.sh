#!/usr/bin/env bash
# Run a command beside a libvirtd of its own: own network without a way out, own files, own processes. Whatever it leaves
# running ends with it, and no libvirt of this machine is touched. Volumes and logs are in results/vm.
# usage: provision/box/own-libvirt.sh COMMAND [ARGUMENT]...      exits like the command; 3 when libvirtd does not come up
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
[[ $EUID -eq 0 ]] || { echo "It needs root: sudo $0" >&2; exit 1; }

if [[ "${1:-}" != --inside ]]; then
    exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" --inside "$@"
fi
shift
files="$(cd "$(dirname "$0")/../.." && pwd)/results/vm"

install -d "$files"
exec 9>"$files/lock"
flock --nonblock 9 || { echo "$files is in use by another run; wait for its end" >&2; exit 3; }

# Network: loopback only. A sysfs of this network, or libvirt would look at the bridges of another; without the machine's
# control groups, which libvirt would use and cannot.
ip link set dev lo up
umount --lazy /sys
mount -t sysfs sysfs /sys

# Files: libvirt's own directories, of which nothing of the machine's libvirt is seen or changed.
settings="$(mktemp -d)"
cp -a /etc/libvirt/*.conf "$settings"
printf 'unix_sock_group = "root"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\n' >"$settings/libvirtd.conf"
mount -t tmpfs -o mode=755 tmpfs /etc/libvirt
cp -a "$settings"/. /etc/libvirt
rm -rf -- "$settings"
install -d /run/libvirt
mount -t tmpfs -o mode=755 tmpfs /run/libvirt
for directory in lib log cache; do
    install -d -m 755 "$files/$directory" "/var/$directory/libvirt"
    mount --bind "$files/$directory" "/var/$directory/libvirt"
done
install -d -m 711 /var/lib/libvirt/images /var/lib/libvirt/boot

virtlogd --pid-file /run/libvirt/virtlogd.pid >"$files/virtlogd.log" 2>&1 &
libvirtd --pid-file /run/libvirt/libvirtd.pid >"$files/libvirtd.log" 2>&1 &
daemon=$!
virsh() { command virsh --connect qemu:///system "$@"; }
until virsh version >/dev/null 2>&1; do
    kill -0 "$daemon" 2>/dev/null && ((SECONDS < 120)) || { cat "$files"/*.log >&2; exit 3; }
    sleep 0.2
done
virsh pool-info default >/dev/null 2>&1 || virsh pool-create-as default dir --target /var/lib/libvirt/images >/dev/null
"$@"
