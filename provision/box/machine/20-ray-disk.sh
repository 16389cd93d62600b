#!/bin/sh
# The second disk of a virtual machine holds Ray's temporary files at /tmp/ray, so that it can fill without the system's.
set -eu

disk=/dev/vdb
test -b "$disk" || { echo "there is no second disk $disk" >&2; exit 1; }

if ! blkid "$disk" >/dev/null; then
    mkfs.ext4 -q -L sage-ray -m 0 "$disk"
fi
if ! grep -q '^LABEL=sage-ray ' /etc/fstab; then
    echo 'LABEL=sage-ray /tmp/ray ext4 nofail,x-systemd.device-timeout=60 0 2' >>/etc/fstab
fi
install -d -m 1777 /tmp/ray
mountpoint -q /tmp/ray || mount /tmp/ray
chmod 1777 /tmp/ray
# Ray calls a temporary directory that it cannot list broken.
rmdir /tmp/ray/lost+found 2>/dev/null || true

# Did it take?
test "$(findmnt -n -o SOURCE /tmp/ray)" = "$disk"
